/** Made by scripts/generate-constraints.ts from botocore's model and @aws-sdk/client-ecr 3.1169.0; never edited by hand. */
import type { ConstraintTable } from '../constraint-table.ts';

export const ecrConstraints: ConstraintTable = {
  shapes: {
    AccountSettingName: {
      min: 1,
      max: 64,
    },
    ArtifactStatusFilter: {
      enum: ['ACTIVE', 'ARCHIVED', 'ACTIVATING', 'ANY'],
    },
    ArtifactType: {
      min: 1,
      max: 255,
    },
    ArtifactTypeList: {
      max: 5,
      element: 'ArtifactType',
    },
    BatchedOperationLayerDigest: {
      max: 1000,
    },
    BatchedOperationLayerDigestList: {
      min: 1,
      max: 100,
      element: 'BatchedOperationLayerDigest',
    },
    CredentialArn: {
      min: 50,
      max: 612,
      pattern: '^arn:aws(-\\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr\\-pullthroughcache\\/[a-zA-Z0-9\\/_+=.@-]+$',
    },
    CustomRoleArn: {
      max: 2048,
    },
    EncryptionType: {
      enum: ['AES256', 'KMS', 'KMS_DSSE'],
    },
    FiftyMaxResults: {
      integer: 'int',
      min: 1,
      max: 50,
      bound: 'value',
    },
    GetAuthorizationTokenRegistryIdList: {
      min: 1,
      max: 10,
      element: 'RegistryId',
    },
    ImageIdentifierList: {
      min: 1,
      max: 100,
    },
    ImageManifest: {
      min: 1,
      max: 4194304,
    },
    ImageStatusFilter: {
      enum: ['ACTIVE', 'ARCHIVED', 'ACTIVATING', 'ANY'],
    },
    ImageTag: {
      min: 1,
      max: 300,
    },
    ImageTagMutability: {
      enum: ['MUTABLE', 'IMMUTABLE', 'IMMUTABLE_WITH_EXCLUSION', 'MUTABLE_WITH_EXCLUSION'],
    },
    ImageTagMutabilityExclusionFilterType: {
      enum: ['WILDCARD'],
    },
    ImageTagMutabilityExclusionFilterValue: {
      min: 1,
      max: 128,
      pattern: '^[0-9a-zA-Z._*-]{1,128}$',
    },
    ImageTagMutabilityExclusionFilters: {
      min: 1,
      max: 5,
    },
    KmsKey: {
      min: 1,
      max: 2048,
    },
    KmsKeyForRepositoryCreationTemplate: {
      max: 2048,
      pattern: '^$|arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:[0-9]{12}:key\\/[a-z0-9-]+',
    },
    LayerDigest: {
      pattern: '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+',
    },
    LayerDigestList: {
      min: 1,
      max: 100,
      element: 'LayerDigest',
    },
    LayerPartBlob: {
      max: 20971520,
    },
    LifecyclePolicyText: {
      min: 100,
      max: 30720,
    },
    LifecyclePolicyTextForRepositoryCreationTemplate: {
      max: 30720,
    },
    LifecyclePreviewMaxResults: {
      integer: 'int',
      min: 1,
      max: 100,
      bound: 'value',
    },
    MaxResults: {
      integer: 'int',
      min: 1,
      max: 1000,
      bound: 'value',
    },
    MediaTypeList: {
      min: 1,
      max: 100,
    },
    PartSize: {
      integer: 'long',
      min: 0,
      bound: 'value',
    },
    Prefix: {
      min: 1,
      max: 256,
      pattern: '^([a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*\\/?|ROOT)$',
    },
    PrefixList: {
      element: 'Prefix',
    },
    PrincipalArn: {
      max: 200,
      pattern: '^arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[\\w+=,.@-]+(/[\\w+=,.@-]+)*$',
    },
    PullThroughCacheRuleRepositoryPrefix: {
      min: 2,
      max: 30,
      pattern: '^([a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*\\/?|ROOT)$',
    },
    PullThroughCacheRuleRepositoryPrefixList: {
      min: 1,
      max: 100,
      element: 'PullThroughCacheRuleRepositoryPrefix',
    },
    RCTAppliedFor: {
      enum: ['REPLICATION', 'PULL_THROUGH_CACHE', 'CREATE_ON_PUSH'],
    },
    RCTAppliedForList: {
      element: 'RCTAppliedFor',
    },
    Region: {
      min: 2,
      max: 25,
      pattern: '[0-9a-z-]{2,25}',
    },
    RegistryId: {
      pattern: '[0-9]{12}',
    },
    RegistryPolicyText: {
      max: 10240,
    },
    RegistryScanningRuleList: {
      max: 2,
    },
    ReplicationBackfillResultStatus: {
      enum: ['COMPLETE', 'FAILED'],
    },
    ReplicationDestinationList: {
      max: 100,
    },
    ReplicationRuleList: {
      max: 10,
    },
    RepositoryFilterList: {
      min: 1,
      max: 100,
    },
    RepositoryFilterType: {
      enum: ['PREFIX_MATCH'],
    },
    RepositoryFilterValue: {
      min: 2,
      max: 256,
      pattern: '^(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*$',
    },
    RepositoryName: {
      min: 2,
      max: 256,
      pattern: '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*',
    },
    RepositoryNameList: {
      min: 1,
      max: 100,
      element: 'RepositoryName',
    },
    RepositoryPolicyText: {
      max: 10240,
    },
    RepositoryTemplateDescription: {
      max: 256,
    },
    ScanFrequency: {
      enum: ['SCAN_ON_PUSH', 'CONTINUOUS_SCAN', 'MANUAL'],
    },
    ScanType: {
      enum: ['BASIC', 'ENHANCED'],
    },
    ScanningConfigurationRepositoryNameList: {
      min: 1,
      max: 25,
      element: 'RepositoryName',
    },
    ScanningRepositoryFilterList: {
      max: 100,
    },
    ScanningRepositoryFilterType: {
      enum: ['WILDCARD'],
    },
    ScanningRepositoryFilterValue: {
      min: 1,
      max: 255,
      pattern: '^[a-z0-9*](?:[._\\-/a-z0-9*]?[a-z0-9*]+)*$',
    },
    SigningProfileArn: {
      max: 200,
      pattern: '^arn:aws(-[a-z]+)*:signer:[a-z0-9-]+:[0-9]{12}:\\/signing-profiles\\/[a-zA-Z0-9_]{2,}$',
    },
    SigningRepositoryFilterList: {
      min: 1,
      max: 100,
    },
    SigningRepositoryFilterType: {
      enum: ['WILDCARD_MATCH'],
    },
    SigningRepositoryFilterValue: {
      min: 1,
      max: 256,
      pattern: '^(?:[a-z0-9*]+(?:[._-][a-z0-9*]+)*/)*[a-z0-9*]+(?:[._-][a-z0-9*]+)*$',
    },
    SigningRuleList: {
      max: 10,
    },
    TagStatus: {
      enum: ['TAGGED', 'UNTAGGED', 'ANY'],
    },
    TargetStorageClass: {
      enum: ['STANDARD', 'ARCHIVE'],
    },
    UploadId: {
      pattern: '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}',
    },
    UpstreamRegistry: {
      enum: [
        'ecr',
        'ecr-public',
        'quay',
        'k8s',
        'docker-hub',
        'github-container-registry',
        'azure-container-registry',
        'gitlab-container-registry',
        'chainguard',
      ],
    },
  },
  members: {
    BatchCheckLayerAvailabilityRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      layerDigests: 'BatchedOperationLayerDigestList',
    },
    BatchDeleteImageRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      imageIds: 'ImageIdentifierList',
    },
    BatchGetImageRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      imageIds: 'ImageIdentifierList',
      acceptedMediaTypes: 'MediaTypeList',
    },
    BatchGetRepositoryScanningConfigurationRequest: {
      repositoryNames: 'ScanningConfigurationRepositoryNameList',
    },
    CompleteLayerUploadRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      uploadId: 'UploadId',
      layerDigests: 'LayerDigestList',
    },
    CreatePullThroughCacheRuleRequest: {
      ecrRepositoryPrefix: 'PullThroughCacheRuleRepositoryPrefix',
      registryId: 'RegistryId',
      upstreamRegistry: 'UpstreamRegistry',
      credentialArn: 'CredentialArn',
      customRoleArn: 'CustomRoleArn',
      upstreamRepositoryPrefix: 'PullThroughCacheRuleRepositoryPrefix',
    },
    CreateRepositoryCreationTemplateRequest: {
      prefix: 'Prefix',
      description: 'RepositoryTemplateDescription',
      imageTagMutability: 'ImageTagMutability',
      imageTagMutabilityExclusionFilters: 'ImageTagMutabilityExclusionFilters',
      repositoryPolicy: 'RepositoryPolicyText',
      lifecyclePolicy: 'LifecyclePolicyTextForRepositoryCreationTemplate',
      appliedFor: 'RCTAppliedForList',
      customRoleArn: 'CustomRoleArn',
    },
    CreateRepositoryRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      imageTagMutability: 'ImageTagMutability',
      imageTagMutabilityExclusionFilters: 'ImageTagMutabilityExclusionFilters',
    },
    DeleteLifecyclePolicyRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
    },
    DeletePullThroughCacheRuleRequest: {
      ecrRepositoryPrefix: 'PullThroughCacheRuleRepositoryPrefix',
      registryId: 'RegistryId',
    },
    DeleteRepositoryCreationTemplateRequest: {
      prefix: 'Prefix',
    },
    DeleteRepositoryPolicyRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
    },
    DeleteRepositoryRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
    },
    DeregisterPullTimeUpdateExclusionRequest: {
      principalArn: 'PrincipalArn',
    },
    DescribeImageReplicationStatusRequest: {
      repositoryName: 'RepositoryName',
      registryId: 'RegistryId',
    },
    DescribeImageScanFindingsRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      maxResults: 'MaxResults',
    },
    DescribeImageSigningStatusRequest: {
      repositoryName: 'RepositoryName',
      registryId: 'RegistryId',
    },
    DescribeImagesFilter: {
      tagStatus: 'TagStatus',
      imageStatus: 'ImageStatusFilter',
    },
    DescribeImagesRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      imageIds: 'ImageIdentifierList',
      maxResults: 'MaxResults',
    },
    DescribePullThroughCacheRulesRequest: {
      registryId: 'RegistryId',
      ecrRepositoryPrefixes: 'PullThroughCacheRuleRepositoryPrefixList',
      maxResults: 'MaxResults',
    },
    DescribeReplicationBackfillResultsRequest: {
      resultStatusFilter: 'ReplicationBackfillResultStatus',
    },
    DescribeRepositoriesRequest: {
      registryId: 'RegistryId',
      repositoryNames: 'RepositoryNameList',
      maxResults: 'MaxResults',
    },
    DescribeRepositoryCreationTemplatesRequest: {
      prefixes: 'PrefixList',
      maxResults: 'MaxResults',
    },
    EncryptionConfiguration: {
      encryptionType: 'EncryptionType',
      kmsKey: 'KmsKey',
    },
    EncryptionConfigurationForRepositoryCreationTemplate: {
      encryptionType: 'EncryptionType',
      kmsKey: 'KmsKeyForRepositoryCreationTemplate',
    },
    GetAccountSettingRequest: {
      name: 'AccountSettingName',
    },
    GetAuthorizationTokenRequest: {
      registryIds: 'GetAuthorizationTokenRegistryIdList',
    },
    GetDownloadUrlForLayerRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      layerDigest: 'LayerDigest',
    },
    GetLifecyclePolicyPreviewRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      imageIds: 'ImageIdentifierList',
      maxResults: 'LifecyclePreviewMaxResults',
    },
    GetLifecyclePolicyRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
    },
    GetRepositoryPolicyRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
    },
    ImageIdentifier: {
      imageTag: 'ImageTag',
    },
    ImageTagMutabilityExclusionFilter: {
      filterType: 'ImageTagMutabilityExclusionFilterType',
      filter: 'ImageTagMutabilityExclusionFilterValue',
    },
    InitiateLayerUploadRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
    },
    LifecyclePolicyPreviewFilter: {
      tagStatus: 'TagStatus',
    },
    ListImageReferrersFilter: {
      artifactTypes: 'ArtifactTypeList',
      artifactStatus: 'ArtifactStatusFilter',
    },
    ListImageReferrersRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      maxResults: 'FiftyMaxResults',
    },
    ListImagesFilter: {
      tagStatus: 'TagStatus',
      imageStatus: 'ImageStatusFilter',
    },
    ListImagesRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      maxResults: 'MaxResults',
    },
    ListPullTimeUpdateExclusionsRequest: {
      maxResults: 'MaxResults',
    },
    PutAccountSettingRequest: {
      name: 'AccountSettingName',
    },
    PutImageRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      imageManifest: 'ImageManifest',
      imageTag: 'ImageTag',
    },
    PutImageScanningConfigurationRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
    },
    PutImageTagMutabilityRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      imageTagMutability: 'ImageTagMutability',
      imageTagMutabilityExclusionFilters: 'ImageTagMutabilityExclusionFilters',
    },
    PutLifecyclePolicyRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      lifecyclePolicyText: 'LifecyclePolicyText',
    },
    PutRegistryPolicyRequest: {
      policyText: 'RegistryPolicyText',
    },
    PutRegistryScanningConfigurationRequest: {
      scanType: 'ScanType',
      rules: 'RegistryScanningRuleList',
    },
    RegisterPullTimeUpdateExclusionRequest: {
      principalArn: 'PrincipalArn',
    },
    RegistryScanningRule: {
      scanFrequency: 'ScanFrequency',
      repositoryFilters: 'ScanningRepositoryFilterList',
    },
    ReplicationConfiguration: {
      rules: 'ReplicationRuleList',
    },
    ReplicationDestination: {
      region: 'Region',
      registryId: 'RegistryId',
    },
    ReplicationRule: {
      destinations: 'ReplicationDestinationList',
      repositoryFilters: 'RepositoryFilterList',
    },
    RepositoryFilter: {
      filter: 'RepositoryFilterValue',
      filterType: 'RepositoryFilterType',
    },
    ScanningRepositoryFilter: {
      filter: 'ScanningRepositoryFilterValue',
      filterType: 'ScanningRepositoryFilterType',
    },
    SetRepositoryPolicyRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      policyText: 'RepositoryPolicyText',
    },
    SigningConfiguration: {
      rules: 'SigningRuleList',
    },
    SigningRepositoryFilter: {
      filter: 'SigningRepositoryFilterValue',
      filterType: 'SigningRepositoryFilterType',
    },
    SigningRule: {
      signingProfileArn: 'SigningProfileArn',
      repositoryFilters: 'SigningRepositoryFilterList',
    },
    StartImageScanRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
    },
    StartLifecyclePolicyPreviewRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      lifecyclePolicyText: 'LifecyclePolicyText',
    },
    UpdateImageStorageClassRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      targetStorageClass: 'TargetStorageClass',
    },
    UpdatePullThroughCacheRuleRequest: {
      registryId: 'RegistryId',
      ecrRepositoryPrefix: 'PullThroughCacheRuleRepositoryPrefix',
      credentialArn: 'CredentialArn',
      customRoleArn: 'CustomRoleArn',
    },
    UpdateRepositoryCreationTemplateRequest: {
      prefix: 'Prefix',
      description: 'RepositoryTemplateDescription',
      imageTagMutability: 'ImageTagMutability',
      imageTagMutabilityExclusionFilters: 'ImageTagMutabilityExclusionFilters',
      repositoryPolicy: 'RepositoryPolicyText',
      lifecyclePolicy: 'LifecyclePolicyTextForRepositoryCreationTemplate',
      appliedFor: 'RCTAppliedForList',
      customRoleArn: 'CustomRoleArn',
    },
    UploadLayerPartRequest: {
      registryId: 'RegistryId',
      repositoryName: 'RepositoryName',
      uploadId: 'UploadId',
      partFirstByte: 'PartSize',
      partLastByte: 'PartSize',
      layerPartBlob: 'LayerPartBlob',
    },
    ValidatePullThroughCacheRuleRequest: {
      ecrRepositoryPrefix: 'PullThroughCacheRuleRepositoryPrefix',
      registryId: 'RegistryId',
    },
  },
};
