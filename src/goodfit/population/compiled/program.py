"""What the compiled loops run: a network as a table of operations, one row each, and memory for its values.

A value is [units, B] with the batch innermost, flat; images are [C * H * W, B]. Rows of all values lie in one arena;
an operation names the row where its input and its output begin. Activation and dropout work in place.
"""

LINEAR, ACTIVATION, DROPOUT, CONVOLUTION, BATCH_NORM, MAX_POOL, AVERAGE_POOL, NORM_POOL = range(8)
"""Kinds of operation; the last is batch norm, ReLU and max pooling as one."""

(
    KIND,
    # activation: its code; linear: 1 if the activation that follows adds the bias; dropout: 1 for alpha-dropout;
    # convolution and norm-pool after it: one of the three below
    CODE,
    IN, OUT,  # first row of input and output in the arena
    N_IN, N_OUT,  # units of a sample's input and output
    WEIGHT, BIAS,  # where the parameters begin; -1 is none
    STATE, VARIANCE,  # batch norm: where running mean and running variance begin
    SAVED,  # batch norm: where mean and 1 / standard deviation of the batch are kept
    CHOICE,  # max pooling: the first row of what was chosen
    C, H, W,  # images: channels, height and width before
    C_OUT, H_OUT, W_OUT,  # and after
    KERNEL_H, KERNEL_W, STRIDE, PADDING,
    TRANSFORMED,  # convolution: 1 by Winograd's algorithm, 0 product by product
    FIELDS,
) = range(24)  # fmt: skip
"""Columns of the table."""

APART, IN_PLACE, AS_ONE = range(3)
"""What a convolution and a norm-pool after it share: nothing; memory, for the gradient of what lies between them takes its place;
or everything, for that is made a few channels at a time (`goodfit.population.compiled.image_steps`)."""

RATE, MOMENTUM, EPS, NUMBERS = range(4)
"""Columns of the table of real numbers: dropout (or DropConnect) rate; batch norm's momentum and epsilon."""
