/** Made by scripts/generate-constraints.ts from botocore's model and @aws-sdk/client-secrets-manager 3.1163.0; never edited by hand. */
import type { ConstraintTable } from '../constraint-table.ts';

export const secretsManagerConstraints: ConstraintTable = {
  shapes: {
    AddReplicaRegionListType: {
      min: 1,
    },
    AutomaticallyRotateAfterDaysType: {
      integer: 'long',
      min: 1,
      max: 1000,
      bound: 'value',
    },
    ClientRequestTokenType: {
      min: 32,
      max: 64,
    },
    DescriptionType: {
      max: 2048,
    },
    DurationType: {
      min: 2,
      max: 3,
      pattern: '[0-9]+h',
    },
    ExcludeCharactersType: {
      max: 4096,
    },
    ExternalSecretRotationMetadataItemKeyType: {
      min: 1,
      max: 256,
    },
    ExternalSecretRotationMetadataItemValueType: {
      min: 1,
      max: 2048,
    },
    FilterNameStringType: {
      enum: ['description', 'name', 'tag-key', 'tag-value', 'primary-region', 'owning-service', 'all'],
    },
    FilterValueStringType: {
      max: 512,
      pattern: '^\\!?[a-zA-Z0-9 :_@\\/\\+\\=\\.\\-\\!]*$',
    },
    FilterValuesStringList: {
      min: 1,
      max: 10,
      element: 'FilterValueStringType',
    },
    FiltersListType: {
      max: 10,
    },
    KmsKeyIdType: {
      max: 2048,
    },
    MaxResultsBatchType: {
      integer: 'int',
      min: 1,
      max: 20,
      bound: 'value',
    },
    MaxResultsType: {
      integer: 'int',
      min: 1,
      max: 100,
      bound: 'value',
    },
    MedeaTypeType: {
      max: 256,
    },
    NameType: {
      min: 1,
      max: 512,
    },
    NextTokenType: {
      min: 1,
      max: 4096,
    },
    NonEmptyResourcePolicyType: {
      min: 1,
      max: 20480,
    },
    PasswordLengthType: {
      integer: 'long',
      min: 1,
      max: 4096,
      bound: 'value',
    },
    RecoveryWindowInDaysType: {
      integer: 'long',
    },
    RegionType: {
      min: 1,
      max: 128,
      pattern: '^([a-z]+-)+\\d+$',
    },
    RemoveReplicaRegionListType: {
      min: 1,
      element: 'RegionType',
    },
    RoleARNType: {
      min: 20,
      max: 2048,
    },
    RotationLambdaARNType: {
      max: 2048,
    },
    RotationTokenType: {
      min: 36,
      max: 256,
      pattern: '^[a-zA-Z0-9\\-]+$',
    },
    ScheduleExpressionType: {
      min: 1,
      max: 256,
      pattern: '[0-9A-Za-z\\(\\)#\\?\\*\\-\\/, ]+',
    },
    SecretBinaryType: {
      min: 1,
      max: 65536,
    },
    SecretIdListType: {
      min: 1,
      max: 20,
      element: 'SecretIdType',
    },
    SecretIdType: {
      min: 1,
      max: 2048,
    },
    SecretStringType: {
      min: 1,
      max: 65536,
    },
    SecretVersionIdType: {
      min: 32,
      max: 64,
    },
    SecretVersionStageType: {
      min: 1,
      max: 256,
    },
    SecretVersionStagesType: {
      min: 1,
      max: 20,
      element: 'SecretVersionStageType',
    },
    SortByType: {
      enum: ['created-date', 'last-accessed-date', 'last-changed-date', 'name'],
    },
    SortOrderType: {
      enum: ['asc', 'desc'],
    },
    TagKeyListType: {
      element: 'TagKeyType',
    },
    TagKeyType: {
      min: 1,
      max: 128,
    },
    TagValueType: {
      max: 256,
    },
  },
  members: {
    BatchGetSecretValueRequest: {
      SecretIdList: 'SecretIdListType',
      Filters: 'FiltersListType',
      MaxResults: 'MaxResultsBatchType',
      NextToken: 'NextTokenType',
    },
    CancelRotateSecretRequest: {
      SecretId: 'SecretIdType',
    },
    CreateSecretRequest: {
      Name: 'NameType',
      ClientRequestToken: 'ClientRequestTokenType',
      Description: 'DescriptionType',
      KmsKeyId: 'KmsKeyIdType',
      SecretBinary: 'SecretBinaryType',
      SecretString: 'SecretStringType',
      AddReplicaRegions: 'AddReplicaRegionListType',
      Type: 'MedeaTypeType',
    },
    DeleteResourcePolicyRequest: {
      SecretId: 'SecretIdType',
    },
    DeleteSecretRequest: {
      SecretId: 'SecretIdType',
      RecoveryWindowInDays: 'RecoveryWindowInDaysType',
    },
    DescribeSecretRequest: {
      SecretId: 'SecretIdType',
    },
    ExternalSecretRotationMetadataItem: {
      Key: 'ExternalSecretRotationMetadataItemKeyType',
      Value: 'ExternalSecretRotationMetadataItemValueType',
    },
    Filter: {
      Key: 'FilterNameStringType',
      Values: 'FilterValuesStringList',
    },
    GetRandomPasswordRequest: {
      PasswordLength: 'PasswordLengthType',
      ExcludeCharacters: 'ExcludeCharactersType',
    },
    GetResourcePolicyRequest: {
      SecretId: 'SecretIdType',
    },
    GetSecretValueRequest: {
      SecretId: 'SecretIdType',
      VersionId: 'SecretVersionIdType',
      VersionStage: 'SecretVersionStageType',
    },
    ListSecretVersionIdsRequest: {
      SecretId: 'SecretIdType',
      MaxResults: 'MaxResultsType',
      NextToken: 'NextTokenType',
    },
    ListSecretsRequest: {
      MaxResults: 'MaxResultsType',
      NextToken: 'NextTokenType',
      Filters: 'FiltersListType',
      SortOrder: 'SortOrderType',
      SortBy: 'SortByType',
    },
    PutResourcePolicyRequest: {
      SecretId: 'SecretIdType',
      ResourcePolicy: 'NonEmptyResourcePolicyType',
    },
    PutSecretValueRequest: {
      SecretId: 'SecretIdType',
      ClientRequestToken: 'ClientRequestTokenType',
      SecretBinary: 'SecretBinaryType',
      SecretString: 'SecretStringType',
      VersionStages: 'SecretVersionStagesType',
      RotationToken: 'RotationTokenType',
    },
    RemoveRegionsFromReplicationRequest: {
      SecretId: 'SecretIdType',
      RemoveReplicaRegions: 'RemoveReplicaRegionListType',
    },
    ReplicaRegionType: {
      Region: 'RegionType',
      KmsKeyId: 'KmsKeyIdType',
    },
    ReplicateSecretToRegionsRequest: {
      SecretId: 'SecretIdType',
      AddReplicaRegions: 'AddReplicaRegionListType',
    },
    RestoreSecretRequest: {
      SecretId: 'SecretIdType',
    },
    RotateSecretRequest: {
      SecretId: 'SecretIdType',
      ClientRequestToken: 'ClientRequestTokenType',
      RotationLambdaARN: 'RotationLambdaARNType',
      ExternalSecretRotationRoleArn: 'RoleARNType',
    },
    RotationRulesType: {
      AutomaticallyAfterDays: 'AutomaticallyRotateAfterDaysType',
      Duration: 'DurationType',
      ScheduleExpression: 'ScheduleExpressionType',
    },
    StopReplicationToReplicaRequest: {
      SecretId: 'SecretIdType',
    },
    Tag: {
      Key: 'TagKeyType',
      Value: 'TagValueType',
    },
    TagResourceRequest: {
      SecretId: 'SecretIdType',
    },
    UntagResourceRequest: {
      SecretId: 'SecretIdType',
      TagKeys: 'TagKeyListType',
    },
    UpdateSecretRequest: {
      SecretId: 'SecretIdType',
      ClientRequestToken: 'ClientRequestTokenType',
      Description: 'DescriptionType',
      KmsKeyId: 'KmsKeyIdType',
      SecretBinary: 'SecretBinaryType',
      SecretString: 'SecretStringType',
      Type: 'MedeaTypeType',
    },
    UpdateSecretVersionStageRequest: {
      SecretId: 'SecretIdType',
      VersionStage: 'SecretVersionStageType',
      RemoveFromVersionId: 'SecretVersionIdType',
      MoveToVersionId: 'SecretVersionIdType',
    },
    ValidateResourcePolicyRequest: {
      SecretId: 'SecretIdType',
      ResourcePolicy: 'NonEmptyResourcePolicyType',
    },
  },
};
