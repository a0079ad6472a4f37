"""What the compiled loops run: a network as a table of operations, one row each, and memory for its values.

A value is [units, B] with the batch innermost, flat; images are [C * H * W, B]. Rows of all values lie in one arena;
an operation names the row where its input and its output begin. Activation and dropout work in place.
"""

LINEAR, ACTIVATION, DROPOUT, CONVOLUTION, BATCH_NORM, MAX_POOL, AVERAGE_POOL, NORM_POOL = range(8)
"""Kinds of operation; the last is batch norm, ReLU and max pooling as one."""

(
    KIND,
    # activation: its code; linear and convolution: 1 if the activation that follows adds the bias;
    # dropout: 1 for alpha-dropout
    CODE,
    IN, OUT,  # first row of input and output in the arena
    N_IN, N_OUT,  # units of a sample's input and output
    WEIGHT, BIAS,  # where the parameters begin; -1 is none
    STATE,  # batch norm: where running mean and variance begin
    SAVED,  # batch norm: where mean and 1 / standard deviation of the batch are kept
    CHOICE,  # max pooling: the first row of what was chosen
    C, H, W,  # images: channels, height and width before
    C_OUT, H_OUT, W_OUT,  # and after
    KERNEL_H, KERNEL_W, STRIDE, PADDING,
    FIELDS,
) = range(22)  # fmt: skip
"""Columns of the table."""

RATE, MOMENTUM, EPS, NUMBERS = range(4)
"""Columns of the table of real numbers: dropout (or DropConnect) rate; batch norm's momentum and epsilon."""
