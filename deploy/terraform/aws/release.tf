resource "kubernetes_namespace_v1" "this" {
  metadata {
    name   = var.namespace
    labels = { "pod-security.kubernetes.io/enforce" = "restricted" }
  }
}

resource "kubernetes_config_map_v1" "rds_ca" {
  metadata {
    name      = "rds-ca"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  data = { "ca.crt" = file(var.rds_ca_file) }
}

data "aws_region" "this" {}

data "aws_subnet" "database" {
  for_each = toset(var.subnet_ids)

  id = each.value
}

data "aws_prefix_list" "s3" {
  name = "com.amazonaws.${local.region}.s3"
}

locals {
  region = data.aws_region.this.id
  tag    = var.image_tag == null ? {} : { tag = var.image_tag }

  values = {
    global    = { warehouseCA = { configMap = kubernetes_config_map_v1.rds_ca.metadata[0].name } }
    rustfs    = { enabled = false }
    postgres  = { enabled = false }
    image     = merge({ registry = var.image_registry }, local.tag)
    dbtImage  = local.tag
    dashboard = { image = merge({ registry = var.image_registry }, local.tag) }
    source    = var.source_name
    provider  = { existingSecret = true }

    serviceAccounts = { annotations = { "eks.amazonaws.com/role-arn" = aws_iam_role.this.arn } }

    warehouse = {
      host            = aws_db_instance.this.address
      sslmode         = "verify-full"
      superuser       = aws_db_instance.this.username
      superuserSecret = "rds-master"
    }

    store = {
      region         = local.region
      bucket         = aws_s3_bucket.bronze.bucket
      artifactBucket = aws_s3_bucket.artifacts.bucket
      identity       = true
      bootstrap      = false
    }

    backup = { bucket = aws_s3_bucket.backups.bucket }

    externalSecrets = {
      store = { kind = "ClusterSecretStore", name = var.secret_store }
      secrets = {
        stocks-provider = { for variable, key in var.provider_keys : variable => { key = key } }
        rds-master      = { password = { key = aws_db_instance.this.master_user_secret[0].secret_arn, property = "password" } }
      }
    }

    networkPolicy = {
      warehouse = [for subnet in data.aws_subnet.database : { ipBlock = { cidr = subnet.cidr_block } }]
      store     = [for cidr in data.aws_prefix_list.s3.cidr_blocks : { ipBlock = { cidr = cidr } }]
    }
  }
}

resource "helm_release" "this" {
  name      = var.name
  namespace = kubernetes_namespace_v1.this.metadata[0].name
  chart     = var.chart
  version   = var.chart_version
  values    = concat([yamlencode(local.values)], var.values)
  timeout   = 900
  wait      = true

  depends_on = [aws_iam_role_policy.store, aws_s3_bucket_policy.bronze, aws_s3_bucket_versioning.bronze]
}
