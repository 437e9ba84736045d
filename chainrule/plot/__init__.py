"""Pictures of training: curves, boundaries, surfaces, gradients, workers. They need matplotlib: pip install matplotlib.

Each function draws on the Axes that it is given, or on those of a new figure, and returns them. Nothing is shown, and
no global setting of matplotlib is changed. Save a picture with ax.figure.savefig("name.png"). `style` has the colours and
shapes, for what you draw beside them.
"""

from . import style
from .activations import activations
from .boundary import decision_boundary
from .curves import learning_curves, lr_finder, schedule
from .gradients import gradient_flow
from .landscape import landscape, loss_landscape
from .matrix import confusion_matrix
from .surface import loss_surface
from .timeline import timeline

__all__ = [
    "activations",
    "confusion_matrix",
    "decision_boundary",
    "gradient_flow",
    "landscape",
    "learning_curves",
    "loss_landscape",
    "loss_surface",
    "lr_finder",
    "schedule",
    "style",
    "timeline",
]
