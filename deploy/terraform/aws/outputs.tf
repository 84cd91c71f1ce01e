output "role_arn" {
  description = "The role of pods; Argo's server needs one, too, to show logs from the artifact bucket."
  value       = aws_iam_role.this.arn
}

output "warehouse_host" {
  description = "Where PostgreSQL listens."
  value       = aws_db_instance.this.address
}

output "buckets" {
  description = "Names of the buckets."
  value       = { for name, bucket in local.buckets : name => bucket.bucket }
}
