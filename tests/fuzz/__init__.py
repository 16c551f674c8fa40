"""Every parser and loader, fed with what no tool would say: only LabErrors come out."""
