"""Classical models on features of the image, one a file, behind one registry. Needs the extra "classical".

Importing this loads neither Keras nor scikit-learn.
"""

from edgecls.models.classical import kmeans as _kmeans
from edgecls.models.classical import knn as _knn
from edgecls.models.classical import linear as _linear
from edgecls.models.classical import svm as _svm
from edgecls.models.classical import trees as _decision_tree
from edgecls.models.classical import trees as _random_forest
from edgecls.models.classical import xgboost as _xgboost
from edgecls.models.classical.registry import ClassicalModel, FittedClassifier, classical_names, get_classical

__all__ = ["ClassicalModel", "FittedClassifier", "classical_names", "get_classical"]

del _decision_tree, _kmeans, _knn, _linear, _random_forest, _svm, _xgboost  # importing enters them into the registry
