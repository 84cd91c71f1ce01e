# What pods of workflows may do in S3, by their service accounts and with no key.
data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:sub"
      values   = [for account in ["stocks-workflow", "stocks-commit"] : "system:serviceaccount:${var.namespace}:${account}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "store" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [for bucket in local.buckets : bucket.arn]
  }

  statement {
    sid       = "Versions"
    actions   = ["s3:ListBucketVersions"]
    resources = [aws_s3_bucket.bronze.arn]
  }

  statement {
    sid       = "BronzeWithoutDelete"
    actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
    resources = ["${aws_s3_bucket.bronze.arn}/*"]
  }

  statement {
    sid       = "ArtifactsAndBackups"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.artifacts.arn}/*", "${aws_s3_bucket.backups.arn}/*"]
  }
}

resource "aws_iam_role" "this" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "store" {
  name   = "store"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.store.json
}
