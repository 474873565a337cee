"""From what the user typed to what the rooms take: the contract of a model, its files, its figures."""

from seatrial.model.beside import CONTRACT_NAMES, contract_of, folder_of, name_of

__all__ = ["CONTRACT_NAMES", "contract_of", "folder_of", "name_of"]
