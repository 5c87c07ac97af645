"""The classification networks of keras.applications: one table, one row per network.

Each is built by keras.applications up to its feature map, with two differences: the moving statistics of batch
normalisation adapt faster (which only matters for training from scratch), and the names of layers do not depend on how
many networks were built before.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import keras

from edgecls.errors import ModelConfigError
from edgecls.models.architecture import ARCHITECTURES, Architecture
from edgecls.models.heads import Head
from edgecls.models.scaling import as_rgb, scale_alike, scale_each_color, standardize
from edgecls.models.torchvision_networks import torchvision_variant

__all__ = ["APPLICATIONS", "Application"]

NORM_MOMENTUM = 0.9
"""Of batch normalisation. Keras has 0.99 to 0.9997, for runs of a hundred thousand steps."""

MEAN_BGR = (103.939, 116.779, 123.68)  # of ImageNet, in units of pixel values, as networks from Caffe subtract it


def _blue_first(images: keras.KerasTensor) -> keras.KerasTensor:
    return scale_each_color(keras.ops.take(as_rgb(images), (2, 1, 0), axis=-1), mean=MEAN_BGR)


def _halved(images: keras.KerasTensor) -> keras.KerasTensor:
    return scale_alike(images, divisor=128)


@dataclass(frozen=True)
class Application:
    """A row of the table.

    Attributes:
        name: Its name for users.
        constructor: Name in keras.applications.
        default_side: Height and width that its weights were trained at, in pixels.
        parameters: Number of weights of the feature map.
        source: The publication it follows.
        scaling: Scales pixels as its published weights require: uint8 to float32, ``[N, H, W, C]``.
        min_side: Smallest height and width that Keras takes, in pixels.
        options: Further arguments of the constructor.
        first_layer: Name of the first layer to keep, where the network scales pixels itself and this cannot be
            switched off; empty to keep all layers.
        head: Its default head.
        since: First version of Keras that has it.
        file: The name of the published weights without the classification: {name} stands for its name, {joined} for
            that without underscores, {size} for what is after the last one.
    """

    name: str
    constructor: str
    default_side: int
    parameters: int
    source: str
    scaling: Callable[[keras.KerasTensor], keras.KerasTensor]
    min_side: int = 32
    options: dict[str, bool] = field(default_factory=dict)
    first_layer: str = ""
    head: Head = Head("average", dropout=0.2)  # noqa: RUF009  # a frozen record
    since: str = "3.0"
    file: str = "{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"

    @property
    def weights_file(self) -> str:
        """Name of the file in Keras's cache."""
        size = self.name.rpartition("_")[2]
        return self.file.format(name=self.name, joined=self.name.replace("_", ""), size=size)

    def feature_map(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Build the network up to its feature map, from uint8 images ``[N, H, W, C]``."""
        scaled = self.scaling(images)
        if self.first_layer:
            feature_map = self._kept(self._build(input_shape=scaled.shape[1:])).call(scaled)
        else:
            feature_map = self._build(input_tensor=scaled, input_shape=scaled.shape[1:]).output
        backbone = keras.Model(images, feature_map)
        _name_stably(backbone)
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = NORM_MOMENTUM
        return feature_map

    def published(self, weights: str | None) -> keras.Model:
        """Build the feature extractor in colour as Keras publishes it, at the size of its weights."""
        whole = self._build(input_shape=(self.default_side, self.default_side, 3), weights=weights)
        return self._kept(whole) if self.first_layer else whole

    def _kept(self, whole: keras.Model) -> keras.Model:
        return keras.Model(whole.get_layer(self.first_layer).input, whole.output)

    def _build(self, *, weights: str | None = None, **arguments: object) -> keras.Model:
        constructor = getattr(keras.applications, self.constructor, None)
        if constructor is None:
            raise ModelConfigError(
                f"{self.name} needs Keras {self.since} or newer, this is {keras.__version__}; "
                'upgrade it with: pip install --upgrade "edgecls[train]"'
            )
        return constructor(include_top=False, weights=weights, **self.options, **arguments)


_NO_SCALING = {"include_preprocessing": False}
_CONVNEXT = partial(
    Application,
    source="Liu et al. 2022, arXiv:2201.03545",
    scaling=standardize,
    options=_NO_SCALING,
    file="{name}_notop.h5",
)
_DENSENET = partial(Application, source="Huang et al. 2017, arXiv:1608.06993", scaling=standardize)
_EFFICIENTNET = partial(
    Application,
    source="Tan and Le 2019, arXiv:1905.11946",
    scaling=standardize,
    first_layer="stem_conv_pad",
    file="{joined}_notop.h5",
)
_EFFICIENTNET_V2 = partial(
    Application, source="Tan and Le 2021, arXiv:2104.00298", options=_NO_SCALING, file="efficientnetv2-{size}_notop.h5"
)
_INCEPTION = partial(Application, scaling=scale_alike, min_side=75)
_MOBILENET_V3 = partial(
    Application,
    source="Howard et al. 2019, arXiv:1905.02244",
    scaling=scale_alike,
    options=_NO_SCALING,
    file="weights_{name}_224_1.0_float_no_top_v2.h5",
)
_NASNET = partial(
    Application,
    source="Zoph et al. 2018, arXiv:1707.07012",
    scaling=scale_alike,
    head=Head("max_average_flatten", dropout=0.5),
    file="{name}_no_top.h5",
)
_RESNET = partial(Application, source="He et al. 2015, arXiv:1512.03385", scaling=_blue_first)
_RESNET_V2 = partial(Application, source="He et al. 2016, arXiv:1603.05027", scaling=scale_alike)
_VGG = partial(
    Application,
    source="Simonyan and Zisserman 2015, arXiv:1409.1556",
    scaling=_blue_first,
    head=Head("average", dropout=0.5),
)

APPLICATIONS = (
    _CONVNEXT("convnext_tiny", "ConvNeXtTiny", 224, 27_820_128),
    _CONVNEXT("convnext_small", "ConvNeXtSmall", 224, 49_454_688),
    _CONVNEXT("convnext_base", "ConvNeXtBase", 224, 87_566_464),
    _CONVNEXT("convnext_large", "ConvNeXtLarge", 224, 196_230_336),
    _CONVNEXT("convnext_xlarge", "ConvNeXtXLarge", 224, 348_147_968),
    _DENSENET("densenet121", "DenseNet121", 224, 7_037_504),
    _DENSENET("densenet169", "DenseNet169", 224, 12_642_880),
    _DENSENET("densenet201", "DenseNet201", 224, 18_321_984),
    _EFFICIENTNET("efficientnet_b0", "EfficientNetB0", 224, 4_049_564),
    _EFFICIENTNET("efficientnet_b1", "EfficientNetB1", 240, 6_575_232),
    _EFFICIENTNET("efficientnet_b2", "EfficientNetB2", 260, 7_768_562),
    _EFFICIENTNET("efficientnet_b3", "EfficientNetB3", 300, 10_783_528),
    _EFFICIENTNET("efficientnet_b4", "EfficientNetB4", 380, 17_673_816),
    _EFFICIENTNET("efficientnet_b5", "EfficientNetB5", 456, 28_513_520),
    _EFFICIENTNET("efficientnet_b6", "EfficientNetB6", 528, 40_960_136),
    _EFFICIENTNET("efficientnet_b7", "EfficientNetB7", 600, 64_097_680),
    _EFFICIENTNET_V2("efficientnet_v2_b0", "EfficientNetV2B0", 224, 5_919_312, scaling=standardize),
    _EFFICIENTNET_V2("efficientnet_v2_b1", "EfficientNetV2B1", 240, 6_931_124, scaling=standardize),
    _EFFICIENTNET_V2("efficientnet_v2_b2", "EfficientNetV2B2", 260, 8_769_374, scaling=standardize),
    _EFFICIENTNET_V2("efficientnet_v2_b3", "EfficientNetV2B3", 300, 12_930_622, scaling=standardize),
    _EFFICIENTNET_V2("efficientnet_v2_s", "EfficientNetV2S", 384, 20_331_360, scaling=_halved),
    _EFFICIENTNET_V2("efficientnet_v2_m", "EfficientNetV2M", 480, 53_150_388, scaling=_halved),
    _EFFICIENTNET_V2("efficientnet_v2_l", "EfficientNetV2L", 480, 117_746_848, scaling=_halved),
    _INCEPTION(
        "inception_resnet_v2", "InceptionResNetV2", 299, 54_336_736, source="Szegedy et al. 2016, arXiv:1602.07261"
    ),
    _INCEPTION("inception_v3", "InceptionV3", 299, 21_802_784, source="Szegedy et al. 2015, arXiv:1512.00567"),
    Application(
        "mobilenet",
        "MobileNet",
        224,
        3_228_864,
        "Howard et al. 2017, arXiv:1704.04861",
        scale_alike,
        file="mobilenet_1_0_224_tf_no_top.h5",
    ),
    Application(
        "mobilenet_v2",
        "MobileNetV2",
        224,
        2_257_984,
        "Sandler et al. 2018, arXiv:1801.04381",
        scale_alike,
        file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    ),
    _MOBILENET_V3("mobilenet_v3_large", "MobileNetV3Large", 224, 2_996_352),
    _MOBILENET_V3("mobilenet_v3_small", "MobileNetV3Small", 224, 939_120),
    _NASNET("nasnet_large", "NASNetLarge", 331, 84_916_818),
    _NASNET("nasnet_mobile", "NASNetMobile", 224, 4_269_716),
    _RESNET("resnet50", "ResNet50", 224, 23_587_712),
    _RESNET("resnet101", "ResNet101", 224, 42_658_176),
    _RESNET("resnet152", "ResNet152", 224, 58_370_944),
    _RESNET_V2("resnet50v2", "ResNet50V2", 224, 23_564_800),
    _RESNET_V2("resnet101v2", "ResNet101V2", 224, 42_626_560),
    _RESNET_V2("resnet152v2", "ResNet152V2", 224, 58_331_648),
    _VGG("vgg16", "VGG16", 224, 14_714_688),
    _VGG("vgg19", "VGG19", 224, 20_024_384),
    Application("xception", "Xception", 299, 20_861_480, "Chollet 2017, arXiv:1610.02357", scale_alike, min_side=71),
)

for _row in APPLICATIONS:
    ARCHITECTURES.add(
        _row.name,
        torchvision_variant(
            Architecture(
                _row.name,
                _row.feature_map,
                _row.head,
                _row.min_side,
                _row.default_side,
                _row.parameters,
                _row.source,
                published=_row.published,
                published_file=_row.weights_file,
            )
        ),
    )


def _name_stably(backbone: keras.Model) -> None:
    """Number the generated names of layers ("add", "add_1"...) from the start of this network, not of the process."""
    count: Counter[str] = Counter()
    for operation in backbone.operations:
        stem = re.sub(r"_\d+$", "", operation.name)
        if stem.replace("_", "") == type(operation).__name__.lower():
            operation.name = f"{stem}_{count[stem]}" if count[stem] else stem
            count[stem] += 1
