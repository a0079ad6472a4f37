"""Transfer against training from scratch, by the number of labelled images of each class.

A network is pretrained on some of the classes; the others are then learnt from few images: from scratch, by a head on the
frozen backbone's features, and by training the whole backbone further with rates that fall from block to block.
"""

from goodfit.studies.transfer.study import OPTIONS as OPTIONS
from goodfit.studies.transfer.study import transfer_study as transfer_study
