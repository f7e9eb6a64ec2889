// The version of the contract between host, cell and guest. A cell that greets with another one is not used.
export const contractVersion = 1;
