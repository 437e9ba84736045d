"""scikit-learn's names, in the form that rows.py describes."""

TABLE = """
## The same spelling means something else
MLPClassifier(learning_rate="adaptive") | | here the rate itself, or a schedule: `learning_rate=0.001`; what falls when nothing improves is `cr.optim.schedule.ReduceOnPlateau(0.001)`
MLPRegressor(early_stopping=True, tol=1e-4) | | here `tol` is of the validation loss alone, there also of the training loss: without early_stopping all `max_epochs` are trained
MLPRegressor().loss_curve_ | | there half the squared error with the penalty, here the mean squared error
sklearn.metrics.accuracy_score(true, predicted) | | here the prediction comes first: `cr.metrics.accuracy(predicted, true)`
sklearn.model_selection.train_test_split(x, y) | | there four arrays, here two pairs: `(x_train, y_train), (x_test, y_test) = cr.data.split(x, y)`

## Estimators
sklearn.neural_network.MLPClassifier, sklearn.neural_network.MLPRegressor | cr.sklearn.MLPClassifier, cr.sklearn.MLPRegressor
max_iter=, solver=, learning_rate_init= | max_epochs=, optimizer=, learning_rate=
alpha= | | `weight_decay=alpha / batch_size`, for weights but not for biases, as there
beta_1=, beta_2=, momentum=, nesterovs_momentum=, epsilon=, max_fun= | | `optimizer_options={"betas": (0.9, 0.999)}`, `{"momentum": 0.9, "nesterov": True}`, `{"eps": 1e-8}`
power_t=, warm_start=, shuffle= | | `learning_rate=` takes a schedule; `partial_fit` goes on where the last call ended; the order is always drawn anew
hidden_layers=, n_hidden=, n_iter= | hidden_layer_sizes=, hidden_layer_sizes=, max_epochs=
clf.coefs_, clf.intercepts_ | | `clf.model_.parameters()`: weights (in, out) and biases in turn
clf.loss_, clf.best_loss_, clf.validation_scores_, clf.best_validation_score_, clf.t_, clf.n_layers_, clf.out_activation_ | | `clf.history_` has a row for each epoch: `clf.history_["loss"]`, `clf.history_["val_accuracy"]`; `clf.best_epoch_`

## Data and metrics
sklearn.preprocessing.StandardScaler | cr.data.Standardizer
sklearn.datasets.make_moons | cr.data.moons
sklearn.datasets, sklearn.datasets.load_digits | | scikit-learn's data sets are NumPy arrays, which `fit` and `cr.data.Batches` take as they are
sklearn.preprocessing.OneHotEncoder, sklearn.preprocessing.LabelEncoder, sklearn.preprocessing.LabelBinarizer | | `cr.one_hot(i, n)`; `cr.data.read_csv` turns labels into numbers, `np.unique(y, return_inverse=True)` too
split(test_size=), split(train_size=), split(random_state=), split(shuffle=) | | `cr.data.split(x, y, parts=(0.8, 0.2), seed=0)`
sklearn.metrics.accuracy_score, sklearn.metrics.confusion_matrix, sklearn.metrics.f1_score, sklearn.metrics.precision_score, sklearn.metrics.recall_score, sklearn.metrics.roc_auc_score, sklearn.metrics.r2_score, sklearn.metrics.mean_squared_error, sklearn.metrics.mean_absolute_error, sklearn.metrics.root_mean_squared_error, sklearn.metrics.top_k_accuracy_score | cr.metrics.accuracy, cr.metrics.confusion_matrix, cr.metrics.f1, cr.metrics.precision, cr.metrics.recall, cr.metrics.roc_auc, cr.metrics.r2, cr.metrics.mse, cr.metrics.mae, cr.metrics.rmse, cr.metrics.top_k
sklearn.metrics.log_loss | cr.nn.bce | of probabilities; `cr.nn.cross_entropy` for several classes
sklearn.metrics.classification_report | | `cr.metrics.precision`, `recall` and `f1` with `average=None` give one number for each class
sklearn.linear_model.Perceptron | cr.nn.Perceptron
sklearn.linear_model.LogisticRegression, sklearn.linear_model.LinearRegression, sklearn.linear_model.SGDClassifier | | one `cr.nn.Linear`, with `cr.nn.cross_entropy` or `cr.nn.mse`
"""
