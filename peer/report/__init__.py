"""The report of a run: its folder read, put into series and sentences, and drawn as a page and as figures.

Only the report's drawing parts need plotly, matplotlib and networkx; each imports them when it draws, so that no
other command has to have them.
"""
