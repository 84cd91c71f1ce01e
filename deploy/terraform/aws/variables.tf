variable "name" {
  description = "Of the release, and the beginning of what is made in AWS."
  type        = string
  default     = "stocks"
}

variable "namespace" {
  description = "Namespace that is made for the release."
  type        = string
  default     = "stocks"
}

variable "bucket_prefix" {
  description = "Beginning of the buckets' names, which are unique in all of AWS: <prefix>-bronze, -argo and -backups."
  type        = string
}

variable "vpc_id" {
  description = "The cluster's VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets for the database, in two availability zones at least."
  type        = list(string)
}

variable "node_security_group_id" {
  description = "Security group of the cluster's nodes: only they reach the database."
  type        = string
}

variable "oidc_provider_arn" {
  description = "The cluster's OIDC provider in IAM."
  type        = string
}

variable "oidc_issuer" {
  description = "The cluster's OIDC issuer, without https://."
  type        = string
}

variable "chart" {
  description = "The chart: a path, or oci://… of a registry."
  type        = string
}

variable "chart_version" {
  description = "Its version, from a registry."
  type        = string
  default     = null
}

variable "image_registry" {
  description = "Registry of our three images."
  type        = string
}

variable "image_tag" {
  description = "Their tag; the chart's where null."
  type        = string
  default     = null
}

variable "rds_ca_file" {
  description = "The region's bundle from https://truststore.pki.rds.amazonaws.com, by which RDS's certificate is verified."
  type        = string
}

variable "secret_store" {
  description = "ClusterSecretStore of the external secrets operator that reads AWS Secrets Manager."
  type        = string
}

variable "provider_keys" {
  description = "Where the keys of providers are in Secrets Manager: { TIINGO_API_KEY = \"prod/stocks/tiingo\" }."
  type        = map(string)
}

variable "source_name" {
  description = "Where prices come from (the chart's value source)."
  type        = string
  default     = "tiingo"
}

variable "instance_class" {
  description = "Of the database."
  type        = string
  default     = "db.t4g.medium"
}

variable "storage_gib" {
  description = "Of the database at first; it may grow to ten times that."
  type        = number
  default     = 50
}

variable "values" {
  description = "More values of the chart, as YAML; they go before those that are made here."
  type        = list(string)
  default     = []
}
