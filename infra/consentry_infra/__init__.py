"""One deployment of Consentry on Azure, as Pulumi components."""
