"""Drives the AWS on this computer with boto3: what other people's clients send, and what they make of the answers.

Endpoint, region and keys come from the environment, as `start --env-file` writes them. Prints one line per part, ends with 0 when
everything is as in AWS.
"""

import datetime
import hashlib
import io
import json
import os
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = os.environ["AWS_REGION"]
CONFIG = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
BODY = b"0123456789abcdef" * 65536 * 6  # 6 MiB: one part and a bit


def client(name, region=REGION):
    return boto3.client(name, region_name=region, config=CONFIG)


def refused(code, call, **arguments):
    """The call must be refused with this code, in the words of the wire."""
    try:
        call(**arguments)
    except ClientError as err:
        assert err.response["Error"]["Code"] == code, (code, err.response)
        return err.response
    raise AssertionError(f"{code} was expected")


def until(what, ask, patience=120):
    end = time.time() + patience
    while time.time() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"it never came to this: {what}")


def sts():
    identity = client("sts").get_caller_identity()
    assert identity["Arn"].endswith("user/administrator"), identity
    return identity["Account"]


def s3(account):
    s3 = client("s3")
    location = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket="smoke", CreateBucketConfiguration=location, ObjectLockEnabledForBucket=True)
    assert s3.get_bucket_location(Bucket="smoke")["LocationConstraint"] == REGION
    first = s3.put_object(Bucket="smoke", Key="a b/ü+.txt", Body=b"one", Metadata={"colour": "red"})
    second = s3.put_object(Bucket="smoke", Key="a b/ü+.txt", Body=io.BytesIO(b"two"), ChecksumAlgorithm="SHA256")
    assert first["VersionId"] != second["VersionId"]
    got = s3.get_object(Bucket="smoke", Key="a b/ü+.txt", VersionId=first["VersionId"])
    assert got["Body"].read() == b"one" and got["Metadata"] == {"colour": "red"}
    ranged = s3.get_object(Bucket="smoke", Key="a b/ü+.txt", Range="bytes=1-")
    assert ranged["Body"].read() == b"wo" and ranged["ContentRange"] == "bytes 1-2/3"
    assert s3.list_objects_v2(Bucket="smoke", Prefix="a b/")["KeyCount"] == 1

    s3.upload_fileobj(io.BytesIO(BODY), "smoke", "large", Config=boto3.s3.transfer.TransferConfig(
        multipart_threshold=5 * 2**20, multipart_chunksize=5 * 2**20))
    head = s3.head_object(Bucket="smoke", Key="large")
    assert head["ContentLength"] == len(BODY) and head["ETag"].endswith('-2"'), head
    down = io.BytesIO()
    s3.download_fileobj("smoke", "large", down)
    assert hashlib.sha256(down.getvalue()).digest() == hashlib.sha256(BODY).digest()

    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    locked = s3.put_object(Bucket="smoke", Key="locked", Body=b"x", ObjectLockMode="COMPLIANCE",
                           ObjectLockRetainUntilDate=later)
    retention = s3.get_object_retention(Bucket="smoke", Key="locked")["Retention"]
    assert retention["Mode"] == "COMPLIANCE" and abs(retention["RetainUntilDate"] - later).total_seconds() < 1
    refused("AccessDenied", s3.delete_object, Bucket="smoke", Key="locked", VersionId=locked["VersionId"])
    marker = s3.delete_object(Bucket="smoke", Key="locked")
    assert marker["DeleteMarker"] is True
    refused("NoSuchKey", s3.get_object, Bucket="smoke", Key="locked")
    versions = s3.list_object_versions(Bucket="smoke", Prefix="locked")
    assert len(versions["Versions"]) == 1 and len(versions["DeleteMarkers"]) == 1
    result = s3.delete_objects(Bucket="smoke", Delete={"Objects": [
        {"Key": "locked", "VersionId": locked["VersionId"]},
        {"Key": "locked", "VersionId": marker["VersionId"]}]})
    assert [error["Code"] for error in result["Errors"]] == ["AccessDenied"] and len(result["Deleted"]) == 1

    put = s3.generate_presigned_url("put_object", Params={"Bucket": "smoke", "Key": "signed"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(put, data=b"by url", method="PUT"))
    get = s3.generate_presigned_url("get_object", Params={"Bucket": "smoke", "Key": "signed"}, ExpiresIn=60)
    assert urllib.request.urlopen(get).read() == b"by url"
    refused("PreconditionFailed", s3.put_object, Bucket="smoke", Key="signed", Body=b"", IfNoneMatch="*")
    refused("404", s3.head_object, Bucket="smoke", Key="nothing")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket="smoke", PaginationConfig={"PageSize": 2})
    assert sum(len(page.get("Versions", [])) for page in pages) == 5


def iam(account):
    iam = client("iam")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com", "AWS": account}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="smoke", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    assert role["AssumeRolePolicyDocument"] == trust, role
    rights = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["rds:*", "backup:*", "kms:*"], "Resource": "*"}]}
    iam.put_role_policy(RoleName="smoke", PolicyName="rights", PolicyDocument=json.dumps(rights))
    assert iam.get_role_policy(RoleName="smoke", PolicyName="rights")["PolicyDocument"] == rights
    refused("EntityAlreadyExists", iam.create_role, RoleName="smoke", AssumeRolePolicyDocument=json.dumps(trust))
    refused("NoSuchEntity", iam.get_role, RoleName="nobody")
    session = client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="smoke")["Credentials"]
    inside = boto3.Session(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"], REGION)
    assert "assumed-role/smoke/smoke" in inside.client("sts", config=CONFIG).get_caller_identity()["Arn"]
    refused("AccessDenied", inside.client("s3", config=CONFIG).list_buckets)
    return role["Arn"]


def kms():
    kms = client("kms")
    key = kms.create_key(Description="smoke", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
    assert key["Enabled"] and isinstance(key["CreationDate"], datetime.datetime)
    kms.create_alias(AliasName="alias/smoke", TargetKeyId=key["KeyId"])
    sealed = kms.encrypt(KeyId="alias/smoke", Plaintext=b"secret", EncryptionContext={"for": "smoke"})
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"for": "smoke"})
    assert opened["Plaintext"] == b"secret"
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"])
    kms.disable_key(KeyId=key["KeyId"])
    refused("DisabledException", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    kms.enable_key(KeyId=key["KeyId"])
    refused("NotFoundException", kms.describe_key, KeyId="alias/nobody")
    return key["Arn"]


def secrets():
    secrets = client("secretsmanager")
    arn = secrets.create_secret(Name="smoke", SecretString="one")["ARN"]
    secrets.put_secret_value(SecretId="smoke", SecretString="two")
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "two"
    refused("ResourceExistsException", secrets.create_secret, Name="smoke", SecretString="x")
    secrets.delete_secret(SecretId="smoke", ForceDeleteWithoutRecovery=True)
    refused("ResourceNotFoundException", secrets.get_secret_value, SecretId="smoke")


def rds(key):
    rds = client("rds")
    made = rds.create_db_instance(
        DBInstanceIdentifier="Smoke", DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20,
        MasterUsername="boss", MasterUserPassword="only-for-tests", DBName="shop", StorageEncrypted=True, KmsKeyId=key,
        BackupRetentionPeriod=0, Tags=[{"Key": "team", "Value": "smoke"}])["DBInstance"]
    assert made["DBInstanceIdentifier"] == "smoke" and made["DBInstanceStatus"] == "creating"
    # botocore's own waiter, so that every status on the way must be one that it knows how to wait through
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="smoke", WaiterConfig={"Delay": 1})
    refused("DBInstanceAlreadyExists", rds.create_db_instance, DBInstanceIdentifier="smoke", Engine="postgres",
            DBInstanceClass="db.t4g.micro", AllocatedStorage=20, MasterUsername="boss", MasterUserPassword="only-for-tests")
    rds.create_db_snapshot(DBInstanceIdentifier="smoke", DBSnapshotIdentifier="smoke-1")
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier="smoke-1", WaiterConfig={"Delay": 1})
    [snapshot] = rds.describe_db_snapshots(DBInstanceIdentifier="smoke")["DBSnapshots"]
    assert snapshot["Encrypted"] and snapshot["KmsKeyId"] == key and snapshot["PercentProgress"] == 100
    refused("DBSnapshotNotFound", rds.describe_db_snapshots, DBSnapshotIdentifier="nothing")
    restored = rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="smoke-2", DBSnapshotIdentifier="smoke-1", DBInstanceClass="db.t4g.micro")["DBInstance"]
    assert restored["DbiResourceId"] != made["DbiResourceId"]
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="smoke-2", WaiterConfig={"Delay": 1})
    refused("InvalidParameterCombination", rds.delete_db_instance, DBInstanceIdentifier="smoke-2")
    rds.delete_db_instance(DBInstanceIdentifier="smoke-2", SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="smoke-2", WaiterConfig={"Delay": 1})
    pages = rds.get_paginator("describe_db_instances").paginate()
    assert [one["DBInstanceIdentifier"] for page in pages for one in page["DBInstances"]] == ["smoke"]
    return made["DBInstanceArn"]


def backup(instance, role, key):
    backup = client("backup")
    backup.create_backup_vault(BackupVaultName="smoke", EncryptionKeyArn=key, BackupVaultTags={"a": "b"})
    backup.put_backup_vault_lock_configuration(BackupVaultName="smoke", MinRetentionDays=1, MaxRetentionDays=90)
    vault = backup.describe_backup_vault(BackupVaultName="smoke")
    assert vault["Locked"] and vault["MinRetentionDays"] == 1
    order = dict(BackupVaultName="smoke", ResourceArn=instance, IamRoleArn=role, Lifecycle={"DeleteAfterDays": 7},
                 IdempotencyToken="smoke")
    job = backup.start_backup_job(**order)["BackupJobId"]
    assert backup.start_backup_job(**order)["BackupJobId"] == job
    done = until("the backup job is over", lambda: over(backup.describe_backup_job(BackupJobId=job), "State"))
    assert done["State"] == "COMPLETED", done
    point = backup.describe_recovery_point(BackupVaultName="smoke", RecoveryPointArn=done["RecoveryPointArn"])
    assert point["Status"] == "COMPLETED" and isinstance(point["CalculatedLifecycle"]["DeleteAt"], datetime.datetime)
    listed = backup.list_recovery_points_by_backup_vault(BackupVaultName="smoke")["RecoveryPoints"]
    assert [one["RecoveryPointArn"] for one in listed] == [done["RecoveryPointArn"]]
    metadata = backup.get_recovery_point_restore_metadata(
        BackupVaultName="smoke", RecoveryPointArn=done["RecoveryPointArn"])["RestoreMetadata"]
    metadata["DBInstanceIdentifier"] = "smoke-3"
    restore = backup.start_restore_job(RecoveryPointArn=done["RecoveryPointArn"], Metadata=metadata, IamRoleArn=role,
                                       ResourceType="RDS")["RestoreJobId"]
    ended = until("the restore job is over", lambda: over(backup.describe_restore_job(RestoreJobId=restore), "Status"))
    assert ended["Status"] == "COMPLETED", ended
    refused("ResourceNotFoundException", backup.describe_backup_vault, BackupVaultName="nothing")
    refused("InvalidRequestException", backup.delete_backup_vault, BackupVaultName="smoke")


def over(job, member):
    return job if job[member] in ("COMPLETED", "FAILED", "ABORTED", "EXPIRED", "PARTIAL") else None


def run(name, part, *arguments):
    started = time.time()
    result = part(*arguments)
    print(f"{name} ok {time.time() - started:.1f} s", flush=True)
    return result


ACCOUNT = run("sts", sts)
run("s3", s3, ACCOUNT)
ROLE = run("iam", iam, ACCOUNT)
KEY = run("kms", kms)
run("secretsmanager", secrets)
INSTANCE = run("rds", rds, KEY)
run("backup", backup, INSTANCE, ROLE, KEY)
