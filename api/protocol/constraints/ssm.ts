/** Made by scripts/generate-constraints.ts from botocore's model and @aws-sdk/client-ssm 3.1164.0; never edited by hand. */
import type { ConstraintTable } from '../constraint-table.ts';

export const ssmConstraints: ConstraintTable = {
  shapes: {
    AllowedPattern: {
      max: 1024,
    },
    GetParametersByPathMaxResults: {
      integer: 'int',
      min: 1,
      max: 10,
      bound: 'value',
    },
    KeyList: {
      element: 'TagKey',
    },
    MaxResults: {
      integer: 'int',
      min: 1,
      max: 50,
      bound: 'value',
    },
    PSParameterName: {
      min: 1,
      max: 2048,
    },
    PSParameterVersion: {
      integer: 'long',
    },
    ParameterDataType: {
      max: 128,
    },
    ParameterDescription: {
      max: 1024,
    },
    ParameterKeyId: {
      min: 1,
      max: 256,
      pattern: '^([a-zA-Z0-9:/_-]+)$',
    },
    ParameterLabel: {
      min: 1,
      max: 100,
    },
    ParameterLabelList: {
      min: 1,
      max: 10,
      element: 'ParameterLabel',
    },
    ParameterNameList: {
      min: 1,
      max: 10,
      element: 'PSParameterName',
    },
    ParameterPolicies: {
      min: 1,
      max: 4096,
    },
    ParameterStringFilterKey: {
      min: 1,
      max: 132,
      pattern: 'tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType',
    },
    ParameterStringFilterValue: {
      min: 1,
      max: 1024,
    },
    ParameterStringFilterValueList: {
      min: 1,
      max: 50,
      element: 'ParameterStringFilterValue',
    },
    ParameterStringQueryOption: {
      min: 1,
      max: 10,
    },
    ParameterTier: {
      enum: ['Standard', 'Advanced', 'Intelligent-Tiering'],
    },
    ParameterType: {
      enum: ['String', 'StringList', 'SecureString'],
    },
    ParametersFilterKey: {
      enum: ['Name', 'Type', 'KeyId'],
    },
    ParametersFilterValue: {
      min: 1,
      max: 1024,
    },
    ParametersFilterValueList: {
      min: 1,
      max: 50,
      element: 'ParametersFilterValue',
    },
    ResourceTypeForTagging: {
      enum: [
        'Document',
        'ManagedInstance',
        'MaintenanceWindow',
        'Parameter',
        'PatchBaseline',
        'OpsItem',
        'OpsMetadata',
        'Automation',
        'Association',
        'CloudConnector',
      ],
    },
    TagKey: {
      min: 1,
      max: 128,
      pattern: '^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$',
    },
    TagList: {
      max: 1000,
    },
    TagValue: {
      max: 256,
      pattern: '^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$',
    },
  },
  members: {
    AddTagsToResourceRequest: {
      ResourceType: 'ResourceTypeForTagging',
      Tags: 'TagList',
    },
    DeleteParameterRequest: {
      Name: 'PSParameterName',
    },
    DeleteParametersRequest: {
      Names: 'ParameterNameList',
    },
    DescribeParametersRequest: {
      MaxResults: 'MaxResults',
    },
    GetParameterHistoryRequest: {
      Name: 'PSParameterName',
      MaxResults: 'MaxResults',
    },
    GetParameterRequest: {
      Name: 'PSParameterName',
    },
    GetParametersByPathRequest: {
      Path: 'PSParameterName',
      MaxResults: 'GetParametersByPathMaxResults',
    },
    GetParametersRequest: {
      Names: 'ParameterNameList',
    },
    LabelParameterVersionRequest: {
      Name: 'PSParameterName',
      ParameterVersion: 'PSParameterVersion',
      Labels: 'ParameterLabelList',
    },
    ListTagsForResourceRequest: {
      ResourceType: 'ResourceTypeForTagging',
    },
    ParameterStringFilter: {
      Key: 'ParameterStringFilterKey',
      Option: 'ParameterStringQueryOption',
      Values: 'ParameterStringFilterValueList',
    },
    ParametersFilter: {
      Key: 'ParametersFilterKey',
      Values: 'ParametersFilterValueList',
    },
    PutParameterRequest: {
      Name: 'PSParameterName',
      Description: 'ParameterDescription',
      Type: 'ParameterType',
      KeyId: 'ParameterKeyId',
      AllowedPattern: 'AllowedPattern',
      Tags: 'TagList',
      Tier: 'ParameterTier',
      Policies: 'ParameterPolicies',
      DataType: 'ParameterDataType',
    },
    RemoveTagsFromResourceRequest: {
      ResourceType: 'ResourceTypeForTagging',
      TagKeys: 'KeyList',
    },
    Tag: {
      Key: 'TagKey',
      Value: 'TagValue',
    },
    UnlabelParameterVersionRequest: {
      Name: 'PSParameterName',
      ParameterVersion: 'PSParameterVersion',
      Labels: 'ParameterLabelList',
    },
  },
};
