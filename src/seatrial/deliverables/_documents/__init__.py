"""How documents are written: facts with their sources, blocks, Markdown and pages made of them."""
