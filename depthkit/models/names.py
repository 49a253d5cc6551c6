"""What others call the weights that depthkit knows: tables of patterns, tried in turn on each name."""

import re
from collections.abc import Callable, Iterable

Table = list[tuple[str, str | Callable[[re.Match], str]]]

# EfficientNet in timm, and in the toolbox; the blocks of its first stage have no expansion
TIMM_EFFICIENTNET: Table = [
    (r"^backbone\.original_model\.", "backbone."),
    (r"^(backbone\.)?conv_stem\.", r"\1stem.0."),
    (r"^(backbone\.)?bn1\.", r"\1stem.1."),
    (r"^(backbone\.)?conv_head\.", r"\1head."),
    (r"(blocks\.0\.\d+)\.conv_dw\.", r"\1.block.0.0."),
    (r"(blocks\.0\.\d+)\.bn1\.", r"\1.block.0.1."),
    (r"(blocks\.0\.\d+)\.se\.conv_reduce\.", r"\1.block.1.fc1."),
    (r"(blocks\.0\.\d+)\.se\.conv_expand\.", r"\1.block.1.fc2."),
    (r"(blocks\.0\.\d+)\.conv_pw\.", r"\1.block.2.0."),
    (r"(blocks\.0\.\d+)\.bn2\.", r"\1.block.2.1."),
    (r"(blocks\.\d+\.\d+)\.conv_pw\.", r"\1.block.0.0."),
    (r"(blocks\.\d+\.\d+)\.bn1\.", r"\1.block.0.1."),
    (r"(blocks\.\d+\.\d+)\.conv_dw\.", r"\1.block.1.0."),
    (r"(blocks\.\d+\.\d+)\.bn2\.", r"\1.block.1.1."),
    (r"(blocks\.\d+\.\d+)\.se\.conv_reduce\.", r"\1.block.2.fc1."),
    (r"(blocks\.\d+\.\d+)\.se\.conv_expand\.", r"\1.block.2.fc2."),
    (r"(blocks\.\d+\.\d+)\.conv_pwl\.", r"\1.block.3.0."),
    (r"(blocks\.\d+\.\d+)\.bn3\.", r"\1.block.3.1."),
]

TORCHVISION_EFFICIENTNET: Table = [
    (r"^features\.0\.", "stem."),
    (r"^features\.8\.0\.", "head."),
    (r"^features\.([1-7])\.", lambda m: f"blocks.{int(m[1]) - 1}."),
]

OTHERS: Table = [
    # the toolbox's DenseDepth decoder
    (r"decode_head\.conv_list\.0\.conv\.", "decode_head.project."),
    (r"decode_head\.conv_list\.(\d)\.convA\.conv\.", lambda m: f"decode_head.steps.{int(m[1]) - 1}.conv_a."),
    (r"decode_head\.conv_list\.(\d)\.convB\.conv\.", lambda m: f"decode_head.steps.{int(m[1]) - 1}.conv_b."),
    # AdaBins in the toolbox
    (r"decode_head\.conv_list\.(\d)\.convA\.bn\.", lambda m: f"decode_head.steps.{int(m[1]) - 1}.norm_a."),
    (r"decode_head\.conv_list\.(\d)\.convB\.bn\.", lambda m: f"decode_head.steps.{int(m[1]) - 1}.norm_b."),
    (r"^decode_head\.decode_final_conv\.", "decode_head.final."),
    (r"^decode_head\.conv_out\.0\.", "decode_head.probabilities."),
    (r"^decode_head\.adaptive_bins_layer\.patch_transformer\.positional_encodings", "decode_head.bins.positions"),
    (r"^decode_head\.adaptive_bins_layer\.patch_transformer\.transformer_encoder\.", "decode_head.bins.encoder."),
    (r"^decode_head\.adaptive_bins_layer\.patch_transformer\.embedding_convPxP\.", "decode_head.bins.embed."),
    (r"^decode_head\.adaptive_bins_layer\.conv3x3\.", "decode_head.bins.pixels."),
    (r"^decode_head\.adaptive_bins_layer\.regressor\.", "decode_head.bins.widths."),
    # Swin in the toolbox
    (r"patch_embed\.projection\.", "patch_embed.proj."),
    (r"stages\.(\d)\.blocks\.(\d+)\.", r"stages.\1.\2."),
    (r"stages\.(\d)\.downsample\.", r"merges.\1."),
    (r"\.attn\.w_msa\.", ".attn."),
    (r"\.ffn\.layers\.0\.0\.", ".mlp.0."),
    (r"\.ffn\.layers\.1\.", ".mlp.3."),
    (r"^(backbone\.)?norm(\d)\.", lambda m: f"{m[1] or ''}norms.{m[2]}."),
    # DepthFormer's neck in the toolbox
    (r"^neck\.conv_(proj|fusion)\.0\.", r"neck.conv_\1."),
    # NeWCRFs in the toolbox
    (r"^neck\.psp_modules\.(\d)\.1\.conv\.", r"neck.projects.\1.0."),
    (r"^neck\.psp_modules\.(\d)\.1\.gn\.", r"neck.projects.\1.1."),
    (r"^neck\.bottleneck\.conv\.", "neck.bottleneck."),
    (r"^decode_head\.crf(\d)\.(proj_[xv])\.", r"decode_head.crfs.\1.\2."),
    (r"^decode_head\.crf(\d)\.crf_layer\.", r"decode_head.crfs.\1."),
    (r"^decode_head\.crf(\d)\.norm_crf\.", r"decode_head.crfs.\1.norm."),
    # BinsFormer in the toolbox
    (r"^decode_head\.(query_feat|query_embed|level_embed)\.", r"decode_head.decoder.\1."),
    (r"^decode_head\.transformer_encoder\.level_embeds$", "decode_head.encoder.level_embed"),
    (r"^decode_head\.transformer_encoder\.encoder\.layers\.", "decode_head.encoder.layers."),
    (r"^decode_head\.transformer_decoder\.(?:decoder\.)?", "decode_head.decoder."),
    (r"^decode_head\.decoder\.decoder_norm\.", "decode_head.decoder.norm."),
    (r"(\.encoder\.layers\.\d)\.attentions\.0\.", r"\1.attention."),
    (r"(\.decoder\.layers\.\d)\.attentions\.0\.attn\.", r"\1.cross."),
    (r"(\.decoder\.layers\.\d)\.attentions\.1\.attn\.", r"\1.own."),
    (r"\.ffns\.0\.layers\.0\.0\.", ".ffn.0."),
    (r"\.ffns\.0\.layers\.1\.", ".ffn.3."),
    (r"\.(mask|class)_embed\.layers\.(\d)\.", lambda m: f".{m[1]}_embed.{2 * int(m[2])}."),
    # BTS in the toolbox
    (r"^decode_head\.upconv(\d)\.", r"decode_head.up\1."),
    (r"^decode_head\.bn(\d|4_2)\.", r"decode_head.norm\1."),
    (r"^decode_head\.(conv\d|daspp_conv)\.0\.", lambda m: f"decode_head.{m[1].replace('daspp', 'aspp')}."),
    (
        r"^decode_head\.daspp_(3|6|12|18|24)\.",
        lambda m: f"decode_head.aspp.{('3', '6', '12', '18', '24').index(m[1])}.",
    ),
    (r"(\.aspp\.\d)\.atrous_conv\.first_bn\.", r"\1.first_norm."),
    (r"(\.aspp\.\d)\.atrous_conv\.aconv_sequence\.1\.", r"\1.reduce."),
    (r"(\.aspp\.\d)\.atrous_conv\.aconv_sequence\.2\.", r"\1.norm."),
    (r"(\.aspp\.\d)\.atrous_conv\.aconv_sequence\.4\.", r"\1.dilated."),
    (r"^decode_head\.reduc(\d)x\d\.reduc\.(?:inter_)?(\w+?)(?:\.0)?\.weight$", r"decode_head.planes\1.\2.weight"),
    # the official Swin
    (r"^layers\.(\d)\.blocks\.(\d+)\.", r"stages.\1.\2."),
    (r"^layers\.(\d)\.downsample\.", r"merges.\1."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
    # torchvision's Swin
    (r"^features\.0\.0\.", "patch_embed.proj."),
    (r"^features\.0\.2\.", "patch_embed.norm."),
    (r"^features\.([1357])\.(\d+)\.", lambda m: f"stages.{int(m[1]) // 2}.{m[2]}."),
    (r"^features\.([246])\.", lambda m: f"merges.{int(m[1]) // 2 - 1}."),
    # ViT in the toolbox
    (r"^(backbone\.)?layers\.(\d+)\.ln(\d)\.", r"\1blocks.\2.norm\3."),
    (r"^(backbone\.)?layers\.(\d+)\.attn\.attn\.in_proj_", r"\1blocks.\2.attn.qkv."),
    (r"^(backbone\.)?layers\.(\d+)\.attn\.attn\.out_proj\.", r"\1blocks.\2.attn.proj."),
    (r"^(backbone\.)?layers\.(\d+)\.mlp\.", r"\1blocks.\2.mlp."),
    # torchvision's ViT; timm's has our names but for the layers of `mlp`, which it shares with the official Swin
    (r"^class_token$", "cls_token"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.ln_(\d)\.", r"blocks.\1.norm\2."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_", r"blocks.\1.attn.qkv."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\.", r"blocks.\1.attn.proj."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(linear_1|0)\.", r"blocks.\1.mlp.0."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(linear_2|3)\.", r"blocks.\1.mlp.3."),
    # DPT in the toolbox
    (r"^decode_head\.reassemble_blocks\.readout_projects\.(\d)\.0\.", r"decode_head.readouts.\1."),
    (r"^decode_head\.reassemble_blocks\.projects\.(\d)\.conv\.", r"decode_head.decoder.projects.\1."),
    (r"^decode_head\.reassemble_blocks\.resize_layers\.", "decode_head.decoder.resizes."),
    (r"^decode_head\.convs\.(\d)\.conv\.", r"decode_head.decoder.reduces.\1."),
    (r"^decode_head\.fusion_blocks\.(\d)\.", lambda m: f"decode_head.decoder.fusions.{3 - int(m[1])}."),
    (r"(\.fusions\.\d\.project)\.conv\.", r"\1."),
    (r"(\.fusions\.\d)\.res_conv_unit1\.", r"\1.skip_unit."),
    (r"(\.fusions\.\d)\.res_conv_unit2\.", r"\1.unit."),
    (r"(\.fusions\.\d\.\w+)\.conv1\.conv\.", r"\1.conv_a."),
    (r"(\.fusions\.\d\.\w+)\.conv2\.conv\.", r"\1.conv_b."),
    (r"^decode_head\.project\.conv\.", "decode_head.project."),
    (r"^decode_head\.conv_depth\.head\.0\.", "decode_head.output.conv_a."),
    (r"^decode_head\.conv_depth\.head\.2\.", "decode_head.output.conv_b."),
    (r"^decode_head\.conv_depth\.head\.4\.", "decode_head.output.conv_depth."),
    # Depth Anything; its backbone has DINOv2's names, which are ours but for the layers of `mlp`
    (r"^pretrained\.", "backbone."),
    (r"^depth_head\.projects\.", "decode_head.decoder.projects."),
    (r"^depth_head\.resize_layers\.", "decode_head.decoder.resizes."),
    (r"^depth_head\.scratch\.layer(\d)_rn\.", lambda m: f"decode_head.decoder.reduces.{int(m[1]) - 1}."),
    (r"^depth_head\.scratch\.refinenet(\d)\.", lambda m: f"decode_head.decoder.fusions.{int(m[1]) - 1}."),
    (r"(\.fusions\.\d)\.resConfUnit1\.", r"\1.skip_unit."),
    (r"(\.fusions\.\d)\.resConfUnit2\.", r"\1.unit."),
    (r"(\.fusions\.\d\.\w+)\.conv1\.", r"\1.conv_a."),
    (r"(\.fusions\.\d\.\w+)\.conv2\.", r"\1.conv_b."),
    (r"(\.fusions\.\d)\.out_conv\.", r"\1.project."),
    (r"^depth_head\.scratch\.output_conv1\.", "decode_head.output.conv_a."),
    (r"^depth_head\.scratch\.output_conv2\.0\.", "decode_head.output.conv_b."),
    (r"^depth_head\.scratch\.output_conv2\.2\.", "decode_head.output.conv_depth."),
]

# SimIPU's own checkpoints, which hold a backbone for images and one for points
SIMIPU: Table = [(r"^img_backbone\.", "backbone.")]

# what a file with such a name in it needs, before the table of all others
MARKED = {
    "conv_stem.weight": TIMM_EFFICIENTNET,
    "features.1.0.block.0.0.weight": TORCHVISION_EFFICIENTNET,
    "img_backbone.conv1.weight": SIMIPU,
}


def find_table(names: Iterable[str]) -> Table:
    """The table for a file with these names in it."""
    marked = [table for mark, table in MARKED.items() if any(name.endswith(mark) for name in names)]
    return [*(row for table in marked for row in table), *OTHERS]


def our_name(name: str, table: Table) -> str:
    """What depthkit calls a weight; names that are ours already stay as they are."""
    name = name.removeprefix("module.")
    for pattern, replacement in table:
        name = re.sub(pattern, replacement, name)
    return name
