"""Keras's names, in the form that rows.py describes."""

TABLE = """
## The same spelling means something else
BatchNorm(momentum=0.99) | | there the share of the old statistics, here that of the new ones, as in PyTorch: `momentum=0.01`
keras.losses.mean_squared_error(true, predicted) | | here the prediction comes first in every loss and metric: `cr.nn.mse(predicted, true)`
keras.losses.categorical_crossentropy(true, probabilities) | | `cr.nn.cross_entropy` takes logits: leave the softmax of the last layer out
Adam(lr) | | there eps is 1e-7, here 1e-8; BatchNorm's is 1e-3 there, 1e-5 here

## Models
keras.Sequential([…]), keras.Model, keras.Input(…), layers.InputLayer(…) | | `cr.nn.Sequential(a, b)` without a list; a model is a `cr.nn.Module` with `forward`; the first `cr.nn.Linear` is told the number of features
model.compile(…), model.fit(…), model.train_on_batch(…) | | `cr.fit(model, loss, optimizer, (x, y), epochs, metrics="accuracy")`: loss and optimiser are its arguments
model.predict(x), model.evaluate(x, y), model.predict_on_batch(x) | | `cr.predict(model, x)`, `cr.evaluate(model, loss, x, y)`
model.summary(), model.count_params() | | `print(cr.nn.summary(model, n_features))`, with the number of parameters
model.add(…), model.pop() | | `model.layers` is a list: `model.layers.append(layer)`
model.get_weights(), model.set_weights(…), model.weights, model.trainable_weights, model.trainable_variables, model.save(path), model.save_weights(path), model.load_weights(path), keras.models.load_model(path) | | `model.state_dict()`, `model.load_state_dict(…)`, `model.parameters()`; `cr.save(model.state_dict(), path)`, `model.load_state_dict(cr.load(path))`
model.trainable, model.stop_training, model.optimizer, model.loss | | `p.requires_grad = False` for each parameter; callbacks stop a run with `run.stop(reason)`
history.history, history.epoch, history.params | | a History is a list of rows, one for each epoch: `history["loss"]`, `history.plot()`

## Layers
layers.Dense(32), layers.Dropout(0.5), layers.BatchNormalization(), layers.LayerNormalization(), layers.Activation("relu") | cr.nn.Linear, cr.nn.Dropout, cr.nn.BatchNorm, cr.nn.LayerNorm, cr.nn.activation
layers.Concatenate(), layers.Add(), layers.Multiply(), layers.Subtract(), layers.Average(), layers.Maximum(), layers.Dot(…), layers.Reshape(…), layers.Permute(…), layers.RepeatVector(…), layers.Lambda(…) | | any function is a layer, and what has two inputs is written in `forward`: `cr.concatenate([x, y], axis=-1)`, `x + y`, `x.reshape(…)`
layers.GaussianNoise(…), layers.GaussianDropout(…), layers.SpatialDropout1D(…), layers.AlphaDropout(…), layers.ActivityRegularization(…) | | `cr.nn.Dropout`; noise is a layer of one line: `x + cr.random.normal(0, s, x.shape) if self.training else x`
layers.Conv1D(…), layers.Conv2D(…), layers.MaxPooling2D(…), layers.AveragePooling2D(…), layers.GlobalAveragePooling2D(…), layers.UpSampling2D(…), layers.ZeroPadding2D(…) | | no convolutions and no pooling here
layers.SimpleRNN(…), layers.Bidirectional(…), layers.TimeDistributed(…) | | no recurrent layers here; a loop over the steps with `cr.nn.Linear` is one
layers.MultiHeadAttention(…), layers.Attention(…) | | no ready attention; it is `cr.softmax(q @ k.swapaxes(-1, -2) / d**0.5) @ v`
layers.Normalization(…), layers.Rescaling(…), layers.CategoryEncoding(…), layers.StringLookup(…), layers.TextVectorization(…) | | `cr.data.Standardizer`, `cr.one_hot(i, n)`; text becomes numbers in Python
Linear(units=), Linear(use_bias=), Linear(kernel_initializer=), Linear(input_dim=), Dropout(rate=), BatchNorm(epsilon=), LayerNorm(epsilon=), BatchNorm(scale=), elu(negative_slope=) | Linear(n_out=), Linear(bias=), Linear(init=), Linear(n_in=), Dropout(p=), BatchNorm(eps=), LayerNorm(eps=), BatchNorm(affine=), elu(alpha=)
Linear(activation=), Linear(input_shape=), Linear(bias_initializer=), Linear(kernel_regularizer=), Linear(name=), Dropout(seed=), BatchNorm(center=), BatchNorm(axis=), BatchNorm(name=) | | activations stand beside the layers; the number of features is `n_in`; biases start at 0; `fit(…, penalty=…)` with `cr.optim.l2_penalty`; `Dropout` takes a `generator=`

## Losses and metrics
keras.losses.MeanSquaredError(), keras.losses.MeanAbsoluteError(), keras.losses.Huber(), keras.losses.BinaryCrossentropy(), keras.losses.CategoricalCrossentropy(), keras.losses.SparseCategoricalCrossentropy() | cr.nn.mse, cr.nn.l1, cr.nn.huber, cr.nn.bce, cr.nn.cross_entropy, cr.nn.cross_entropy
keras.losses.mean_squared_error, keras.losses.mean_absolute_error, keras.losses.binary_crossentropy, keras.losses.categorical_crossentropy, keras.losses.sparse_categorical_crossentropy | cr.nn.mse, cr.nn.l1, cr.nn.bce, cr.nn.cross_entropy, cr.nn.cross_entropy
keras.losses.KLDivergence(), keras.losses.Hinge(), keras.losses.Poisson(), keras.losses.LogCosh(), keras.losses.CosineSimilarity() | | a loss is a function of prediction and target that gives one number: write it with operations
keras.metrics.Accuracy(), keras.metrics.BinaryAccuracy(), keras.metrics.SparseCategoricalAccuracy(), keras.metrics.CategoricalAccuracy(), keras.metrics.AUC(), keras.metrics.Precision(), keras.metrics.Recall(), keras.metrics.F1Score(), keras.metrics.TopKCategoricalAccuracy(), keras.metrics.R2Score(), keras.metrics.RootMeanSquaredError() | cr.metrics.accuracy, cr.metrics.accuracy, cr.metrics.accuracy, cr.metrics.accuracy, cr.metrics.roc_auc, cr.metrics.precision, cr.metrics.recall, cr.metrics.f1, cr.metrics.top_k, cr.metrics.r2, cr.metrics.rmse
y_true=, y_pred=, y_pred=, y_pred=, y_pred= | target=, prediction=, logits=, logit=, probability=
from_logits= | | `cr.nn.bce_with_logits` and `cr.nn.cross_entropy` take logits, `cr.nn.bce` probabilities
sample_weight=, class_weight= | | not here; with `reduction="none"` each example has its loss: weight them, then `.mean()`

## Optimisers and training
keras.optimizers, keras.optimizers.schedules, keras.optimizers.schedules.ExponentialDecay, keras.optimizers.schedules.CosineDecay, keras.optimizers.schedules.PiecewiseConstantDecay, keras.optimizers.schedules.PolynomialDecay, keras.optimizers.schedules.CosineDecayRestarts | cr.optim, cr.optim.schedule, cr.optim.schedule.exponential, cr.optim.schedule.cosine, cr.optim.schedule.multi_step, cr.optim.schedule.polynomial, cr.optim.schedule.cosine_restarts
keras.optimizers.Nadam, keras.optimizers.Ftrl, keras.optimizers.Adafactor | | `cr.optim.OPTIMIZERS` lists what there is: `cr.optim.NAdam` among them
learning_rate=, epsilon=, rho=, decay=, lambd= | lr=, eps=, alpha=, lr_decay=, weight_decay=
beta_1=, beta_2= | | `betas=(0.9, 0.999)`
clipnorm=, global_clipnorm=, clipvalue= | | `fit(…, clip_norm=1.0)`, `fit(…, clip_value=0.5)`; or `cr.optim.clip_grad_norm` before the step
use_ema=, ema_momentum=, loss_scale_factor=, gradient_accumulation_steps= | | not here; gradients add up until `zero_grad`
fit(validation_data=), evaluate(x_val=) | fit(validation=), evaluate(x=)
fit(x=), fit(y=), fit(validation_split=), fit(shuffle=), fit(steps_per_epoch=), fit(initial_epoch=), fit(class_weight=) | | `cr.fit(model, loss, optimizer, (x, y), epochs, validation=(x_val, y_val))`: x and y are one argument, shuffled anew in each epoch; `cr.data.split` splits them
keras.callbacks, keras.callbacks.ModelCheckpoint(…), keras.callbacks.TensorBoard(…), keras.callbacks.CSVLogger(…), keras.callbacks.LearningRateScheduler(…), keras.callbacks.TerminateOnNaN(…), keras.callbacks.LambdaCallback(…), keras.callbacks.BackupAndRestore(…) | | `fit(…, checkpoint=path, early_stopping=10)`; a function of the run is a callback; `cr.Replay()` shows a run as a page; a nan stops it
EarlyStopping(restore_best_weights=), EarlyStopping(verbose=), EarlyStopping(baseline=), EarlyStopping(start_from_epoch=), Checkpoint(save_best_only=), Checkpoint(monitor=) | | the model ends with its best weights anyway; `history.best_weights` holds them
Checkpoint(filepath=), Checkpoint(save_freq=) | Checkpoint(path=), Checkpoint(every=)
keras.utils.to_categorical(…), keras.utils.set_random_seed(0), keras.backend, keras.ops, keras.initializers, keras.regularizers, keras.datasets | | `cr.one_hot(i, n)`, `cr.random.seed(0)`; operations are `cr.exp` and so on; `cr.nn.INITIALIZERS`; `cr.optim.l1_penalty`, `cr.optim.l2_penalty`
tf.GradientTape() | | nothing to open: what is computed from a tensor with `requires_grad=True` is recorded, and `loss.backward()` goes back
"""
