"""The words of the window, in English and Chinese."""

from enum import StrEnum
from typing import Any

from edgecls.desktop.entries import Answer, Entry, Group, Kind

__all__ = ["Language", "Words"]


class Language(StrEnum):
    """A language of the window."""

    ENGLISH = "en"
    CHINESE = "zh"

    @classmethod
    def of_locale(cls, name: str) -> "Language":
        """Return the language for a locale, as "zh_CN"."""
        return cls.CHINESE if name.lower().startswith("zh") else cls.ENGLISH


class Words:
    """The words in one language.

    Args:
        language: Which.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._table = _CHINESE if language is Language.CHINESE else _ENGLISH

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text with its values filled in; of `count` 1, the singular where the language has one."""
        if values.get("count") == 1:
            key = f"{key}.one" if f"{key}.one" in self._table else key
        return self._table[key].format(**values)

    def group(self, group: Group) -> str:
        """Return the name of a group."""
        return group.label if group.kind is Kind.LABEL else self(f"group.{group.kind}")

    def answer(self, answer: Answer) -> str:
        """Return an answer as a sentence: the label, or why it is unknown."""
        first, second = ([score.label for score in answer.scores] + [""])[:2]
        return (
            answer.best.label if answer.reason is None else self(f"answer.{answer.reason}", first=first, second=second)
        )

    def entry(self, entry: Entry) -> str:
        """Return what is known of an image, in a few words."""
        if entry.correction is not None:
            return self("corrected", label=entry.correction)
        if entry.fault is not None:
            return self("group.failed")
        if entry.answer is None:
            return self("group.waiting")
        return f"{self.answer(entry.answer)}, {100 * entry.answer.best.probability:.1f} %"


_ENGLISH = {
    "title": "edgecls",
    "hint": "Drop images or folders here, or choose them above.",
    "sample": "This is a sample image. Press Recognise, or drop images and folders into the window.",
    "menu.file": "&File",
    "menu.edit": "&Edit",
    "menu.label": "&Label",
    "menu.view": "&View",
    "open_images": "Open &images…",
    "open_folder": "Open &folder…",
    "camera": "&Camera…",
    "sort": "&Sort into folders…",
    "export_csv": "&Export as CSV…",
    "export_xmp": "Export &keywords (XMP)",
    "clear": "Clear all",
    "quit": "&Quit",
    "undo": "&Undo",
    "redo": "&Redo",
    "paste": "&Paste",
    "select_all": "Select &all",
    "confirm": "The answer is right",
    "no_label": "Remove the correction",
    "other_label": "Other label…",
    "next_unsure": "&Next unsure image",
    "heat": "&Heat map",
    "language": "Language",
    "appearance": "Appearance",
    "scheme.system": "As the system",
    "scheme.light": "Light",
    "scheme.dark": "Dark",
    "at_once": "Recognise images as soon as they are added",
    "recognise": "Recognise",
    "stop": "Stop",
    "model": "Model",
    "open_model": "Open model…",
    "bundled_model": "{name} (comes with edgecls)",
    "provider": "Run on",
    "provider.auto": "Automatic",
    "groups": "Results by label",
    "images": "Images",
    "details": "Details",
    "group.all": "All images",
    "group.corrected": "Corrected",
    "group.undecided": "Unknown: undecided",
    "group.unlike": "Unknown: unlike the training images",
    "group.waiting": "Waiting",
    "group.failed": "No answer",
    "answer.undecided": "Unknown: undecided between {first} and {second}",
    "answer.unlike": "Unknown: unlike the training images ({first}?)",
    "corrected": "Corrected: {label}",
    "model_said": "The model’s answer: {answer}",
    "probabilities": "Probabilities",
    "familiarity": "Familiarity",
    "familiarity.of": "{value:.2f}, at least {least:.2f} for an answer",
    "time": "Time",
    "file": "File",
    "heat.busy": "Computing the heat map…",
    "heat.note": "Warmer colours mark what supports “{label}”.",
    "keys": "Press 1 to 9 to set the right label, N for the next unsure image.",
    "no_preview": "No preview",
    "status.loading": "Loading the model…",
    "status.no_model": "No model",
    "status.model": "{name} · runs on {provider}",
    "status.images": "{count} images",
    "status.images.one": "1 image",
    "status.done": "{done} of {total} done",
    "status.rate": "{rate:.1f} images/s",
    "status.unsaved": "{count} corrections not exported",
    "status.unsaved.one": "1 correction not exported",
    "status.skipped": "Not used: {reasons}",
    "notice.fallback": "Running on {provider}. {reasons}",
    "notice.model": "The model cannot be used: {message}",
    "notice.restored": "Restored after the last session: {count} corrections. Undo still works.",
    "notice.restored.one": "Restored after the last session: 1 correction. Undo still works.",
    "notice.damaged": "The journal of the last session was damaged; it is kept as {path}.",
    "notice.no_images": "There are no images in {path}.",
    "notice.not_local": "Only files of this computer can be dropped here.",
    "notice.exported": "Wrote {path}.",
    "notice.keywords": "Wrote the labels of {count} images into XMP files beside them.",
    "notice.keywords.one": "Wrote the label of 1 image into an XMP file beside it.",
    "notice.sorted": "Sorted {count} images into {path}. Undo puts them back.",
    "notice.sorted.one": "Sorted 1 image into {path}. Undo puts it back.",
    "notice.nothing_to_sort": "No image has a label yet. Press Recognise first.",
    "notice.undone": "Undone.",
    "notice.redone": "Done again.",
    "notice.all_sure": "No further unsure images.",
    "notice.faults": "{count} could not be done: {first}",
    "notice.fault": "{message}",
    "notice.unexpected": "Unexpected error: {message}. Your corrections are safe.",
    "notice.busy": "Please wait until the files are done.",
    "dismiss": "Dismiss",
    "working.sort": "Sorting…",
    "working.undo": "Putting files back…",
    "working.redo": "Sorting again…",
    "working.keywords": "Writing keywords…",
    "working.find": "Looking for images…",
    "leave.title": "Leave edgecls?",
    "leave.working": "Work is still going on.",
    "leave.unsaved": "{count} corrections were neither exported nor used for sorting. "
    "They are kept and will be here at the next start.",
    "leave.unsaved.one": "1 correction was neither exported nor used for sorting. "
    "It is kept and will be here at the next start.",
    "leave.yes": "Leave",
    "leave.no": "Stay",
    "clear.title": "Clear all images?",
    "clear.text": "{count} corrections were neither exported nor used for sorting.",
    "clear.text.one": "1 correction was neither exported nor used for sorting.",
    "clear.yes": "Clear",
    "cancel": "Cancel",
    "sort.title": "Sort into folders",
    "sort.text": "Every image goes into a folder named by its label. Nothing is overwritten.",
    "sort.folder": "Folder",
    "sort.choose": "Choose…",
    "sort.move": "Move the images",
    "sort.copy": "Copy the images",
    "sort.only_group": "Only “{group}”",
    "sort.go": "Sort",
    "label.title": "Set the label",
    "label.text": "Choose a label, or type a new one.",
    "label.go": "Set",
    "camera.title": "Camera",
    "camera.number": "Camera",
    "camera.take": "Take a photo",
    "camera.taken": "{count} images taken",
    "camera.taken.one": "1 image taken",
    "camera.opening": "Opening the camera…",
    "camera.close": "Close",
    "filter.images": "Images",
    "filter.models": "Models",
    "filter.all": "All files",
}

_CHINESE = {
    "title": "edgecls",
    "hint": "把图像或文件夹拖到这里，或在上方选择。",
    "sample": "这是一张示例图像。请点击“识别”，或把图像、文件夹拖到窗口中。",
    "menu.file": "文件(&F)",
    "menu.edit": "编辑(&E)",
    "menu.label": "类别(&L)",
    "menu.view": "查看(&V)",
    "open_images": "打开图像(&I)…",
    "open_folder": "打开文件夹(&F)…",
    "camera": "摄像头(&C)…",
    "sort": "按类别整理到文件夹(&S)…",
    "export_csv": "导出为 CSV(&E)…",
    "export_xmp": "导出关键词（XMP）(&K)",
    "clear": "清空",
    "quit": "退出(&Q)",
    "undo": "撤销(&U)",
    "redo": "重做(&R)",
    "paste": "粘贴(&P)",
    "select_all": "全选(&A)",
    "confirm": "结果正确",
    "no_label": "取消更正",
    "other_label": "其他类别…",
    "next_unsure": "下一张不确定的图像(&N)",
    "heat": "热力图(&H)",
    "language": "语言",
    "appearance": "外观",
    "scheme.system": "跟随系统",
    "scheme.light": "浅色",
    "scheme.dark": "深色",
    "at_once": "添加图像后立即识别",
    "recognise": "识别",
    "stop": "停止",
    "model": "模型",
    "open_model": "打开模型…",
    "bundled_model": "{name}（edgecls 自带）",
    "provider": "运行于",
    "provider.auto": "自动",
    "groups": "按类别查看结果",
    "images": "图像",
    "details": "详情",
    "group.all": "全部图像",
    "group.corrected": "已更正",
    "group.undecided": "未知：难以判断",
    "group.unlike": "未知：不像训练图像",
    "group.waiting": "等待中",
    "group.failed": "没有结果",
    "answer.undecided": "未知：无法判断是 {first} 还是 {second}",
    "answer.unlike": "未知：不像训练图像（{first}？）",
    "corrected": "您的更正：{label}",
    "model_said": "模型的结果：{answer}",
    "probabilities": "概率",
    "familiarity": "熟悉度",
    "familiarity.of": "{value:.2f}，给出答案至少需要 {least:.2f}",
    "time": "用时",
    "file": "文件",
    "heat.busy": "正在计算热力图…",
    "heat.note": "颜色越暖，越支持“{label}”。",
    "keys": "按 1 至 9 设置正确类别，按 N 转到下一张不确定的图像。",
    "no_preview": "无法预览",
    "status.loading": "正在加载模型…",
    "status.no_model": "没有模型",
    "status.model": "{name} · 运行于 {provider}",
    "status.images": "{count} 张图像",
    "status.done": "已完成 {done} / {total}",
    "status.rate": "每秒 {rate:.1f} 张",
    "status.unsaved": "{count} 个更正尚未导出",
    "status.skipped": "未采用：{reasons}",
    "notice.fallback": "运行于 {provider}。{reasons}",
    "notice.model": "无法使用此模型：{message}",
    "notice.restored": "已恢复上次的 {count} 个更正，仍可撤销。",
    "notice.damaged": "上次的操作记录已损坏，已另存为 {path}。",
    "notice.no_images": "{path} 中没有图像。",
    "notice.not_local": "只能拖入本机上的文件。",
    "notice.exported": "已写入 {path}。",
    "notice.keywords": "已将 {count} 张图像的类别写入旁边的 XMP 文件。",
    "notice.sorted": "已将 {count} 张图像整理到 {path}。撤销可将其放回原处。",
    "notice.nothing_to_sort": "还没有图像有类别，请先点击“识别”。",
    "notice.undone": "已撤销。",
    "notice.redone": "已重做。",
    "notice.all_sure": "没有其他不确定的图像。",
    "notice.faults": "{count} 项未能完成：{first}",
    "notice.fault": "{message}",
    "notice.unexpected": "意外错误：{message}。您的更正不会丢失。",
    "notice.busy": "请等待文件处理完成。",
    "dismiss": "关闭",
    "working.sort": "正在整理…",
    "working.undo": "正在放回文件…",
    "working.redo": "正在重新整理…",
    "working.keywords": "正在写入关键词…",
    "working.find": "正在查找图像…",
    "leave.title": "退出 edgecls？",
    "leave.working": "仍有任务正在进行。",
    "leave.unsaved": "{count} 个更正尚未导出，也未用于整理。它们已保存，下次启动时仍在。",
    "leave.yes": "退出",
    "leave.no": "留下",
    "clear.title": "清空全部图像？",
    "clear.text": "{count} 个更正尚未导出，也未用于整理。",
    "clear.yes": "清空",
    "cancel": "取消",
    "sort.title": "整理到文件夹",
    "sort.text": "每张图像放入以其类别命名的文件夹，不会覆盖任何文件。",
    "sort.folder": "文件夹",
    "sort.choose": "选择…",
    "sort.move": "移动图像",
    "sort.copy": "复制图像",
    "sort.only_group": "仅“{group}”",
    "sort.go": "整理",
    "label.title": "设置类别",
    "label.text": "选择一个类别，或输入新类别。",
    "label.go": "设置",
    "camera.title": "摄像头",
    "camera.number": "摄像头",
    "camera.take": "拍照",
    "camera.taken": "已拍 {count} 张",
    "camera.opening": "正在打开摄像头…",
    "camera.close": "关闭",
    "filter.images": "图像",
    "filter.models": "模型",
    "filter.all": "所有文件",
}
