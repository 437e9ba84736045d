"""Multi-layer perceptrons as scikit-learn estimators. They need scikit-learn 1.6: pip install 'scikit-learn>=1.6'.

They are trained by chainrule.fit, and work in pipelines, grid searches and wherever else scikit-learn takes an estimator.
This package is loaded on first use.
"""

try:
    from .estimators import MLPClassifier, MLPRegressor
except ImportError as error:
    if not (error.name or "").startswith("sklearn"):
        raise
    raise ImportError(
        f"chainrule.sklearn: needs scikit-learn 1.6 or newer ({error}); install it with: pip install 'scikit-learn>=1.6'"
    ) from error

__all__ = ["MLPClassifier", "MLPRegressor"]
