"""The library that the stages share: one module per noun of the domain, and `models/` behind one door."""
