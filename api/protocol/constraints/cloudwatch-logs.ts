/** Made by scripts/generate-constraints.ts from botocore's model and @aws-sdk/client-cloudwatch-logs 3.1164.0; never edited by hand. */
import type { ConstraintTable } from '../constraint-table.ts';

export const cloudwatchLogsConstraints: ConstraintTable = {
  shapes: {
    AccountId: {
      min: 12,
      max: 12,
      pattern: '^\\d{12}$',
    },
    AccountIds: {
      max: 20,
      element: 'AccountId',
    },
    AmazonResourceName: {
      min: 1,
      max: 1011,
      pattern: '[\\w+=/:,.@-]*',
    },
    DataSourceFilters: {
      min: 1,
      max: 5,
    },
    Days: {
      integer: 'int',
    },
    DescribeLimit: {
      integer: 'int',
      min: 1,
      max: 50,
      bound: 'value',
    },
    DescribeLogGroupsLogGroupIdentifiers: {
      min: 1,
      max: 50,
      element: 'LogGroupIdentifier',
    },
    EntityAttributes: {
      max: 10,
      element: 'EntityAttributesValue',
    },
    EntityAttributesValue: {
      min: 1,
      max: 512,
    },
    EntityKeyAttributes: {
      min: 2,
      max: 4,
      element: 'EntityKeyAttributesValue',
    },
    EntityKeyAttributesValue: {
      min: 1,
      max: 512,
    },
    EventMessage: {
      min: 1,
    },
    EventsLimit: {
      integer: 'int',
      min: 1,
      max: 10000,
      bound: 'value',
    },
    FieldIndexName: {
      min: 1,
      max: 512,
      pattern: '[\\.\\-_/#A-Za-z0-9]+',
    },
    FieldIndexNames: {
      min: 1,
      max: 20,
      element: 'FieldIndexName',
    },
    FilterPattern: {
      max: 1024,
    },
    InputLogEvents: {
      min: 1,
      max: 10000,
    },
    InputLogStreamNames: {
      min: 1,
      max: 100,
      element: 'LogStreamName',
    },
    KmsKeyId: {
      max: 256,
    },
    ListLimit: {
      integer: 'int',
      min: 1,
      max: 1000,
      bound: 'value',
    },
    LogGroupClass: {
      enum: ['STANDARD', 'INFREQUENT_ACCESS', 'DELIVERY', 'ESSENTIALS'],
    },
    LogGroupIdentifier: {
      min: 1,
      max: 2048,
      pattern: '[\\w#+=/:,.@-]*',
    },
    LogGroupName: {
      min: 1,
      max: 512,
      pattern: '[\\.\\-_/#A-Za-z0-9]+',
    },
    LogGroupNamePattern: {
      max: 512,
      pattern: '[\\.\\-_/#A-Za-z0-9]*',
    },
    LogGroupNameRegexPattern: {
      min: 3,
      max: 129,
      pattern: '(\\^?[\\.\\-_\\/#A-Za-z0-9]{3,24})(\\|\\^?[\\.\\-_\\/#A-Za-z0-9]{3,24}){0,4}',
    },
    LogStreamName: {
      min: 1,
      max: 512,
      pattern: '[^:*]*',
    },
    NextToken: {
      min: 1,
    },
    OrderBy: {
      enum: ['LogStreamName', 'LastEventTime'],
    },
    SequenceToken: {
      min: 1,
    },
    StartLiveTailLogGroupIdentifiers: {
      min: 1,
      max: 10,
      element: 'LogGroupIdentifier',
    },
    TagFilterKey: {
      min: 1,
      max: 128,
      pattern: '^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+)$',
    },
    TagFilterValue: {
      max: 259,
      pattern: '^!?\\*?([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)\\*?$',
    },
    TagFilterValues: {
      max: 5,
      element: 'TagFilterValue',
    },
    TagFilters: {
      min: 1,
      max: 5,
    },
    TagKey: {
      min: 1,
      max: 128,
      pattern: '^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+)$',
    },
    TagKeyList: {
      max: 50,
      element: 'TagKey',
    },
    TagList: {
      min: 1,
      element: 'TagKey',
    },
    TagValue: {
      max: 256,
      pattern: '^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$',
    },
    Tags: {
      min: 1,
      max: 50,
      element: 'TagValue',
    },
    TestEventMessages: {
      min: 1,
      max: 50,
      element: 'EventMessage',
    },
    Timestamp: {
      integer: 'long',
      min: 0,
      bound: 'value',
    },
  },
  members: {
    CreateLogGroupRequest: {
      logGroupName: 'LogGroupName',
      kmsKeyId: 'KmsKeyId',
      tags: 'Tags',
      logGroupClass: 'LogGroupClass',
    },
    CreateLogStreamRequest: {
      logGroupName: 'LogGroupName',
      logStreamName: 'LogStreamName',
    },
    DeleteLogGroupRequest: {
      logGroupName: 'LogGroupName',
    },
    DeleteLogStreamRequest: {
      logGroupName: 'LogGroupName',
      logStreamName: 'LogStreamName',
    },
    DeleteRetentionPolicyRequest: {
      logGroupName: 'LogGroupName',
    },
    DescribeLogGroupsRequest: {
      accountIdentifiers: 'AccountIds',
      logGroupNamePrefix: 'LogGroupName',
      logGroupNamePattern: 'LogGroupNamePattern',
      nextToken: 'NextToken',
      limit: 'DescribeLimit',
      logGroupClass: 'LogGroupClass',
      logGroupIdentifiers: 'DescribeLogGroupsLogGroupIdentifiers',
    },
    DescribeLogStreamsRequest: {
      logGroupName: 'LogGroupName',
      logGroupIdentifier: 'LogGroupIdentifier',
      logStreamNamePrefix: 'LogStreamName',
      orderBy: 'OrderBy',
      nextToken: 'NextToken',
      limit: 'DescribeLimit',
    },
    Entity: {
      keyAttributes: 'EntityKeyAttributes',
      attributes: 'EntityAttributes',
    },
    FilterLogEventsRequest: {
      logGroupName: 'LogGroupName',
      logGroupIdentifier: 'LogGroupIdentifier',
      logStreamNames: 'InputLogStreamNames',
      logStreamNamePrefix: 'LogStreamName',
      startTime: 'Timestamp',
      endTime: 'Timestamp',
      filterPattern: 'FilterPattern',
      nextToken: 'NextToken',
      limit: 'EventsLimit',
    },
    GetLogEventsRequest: {
      logGroupName: 'LogGroupName',
      logGroupIdentifier: 'LogGroupIdentifier',
      logStreamName: 'LogStreamName',
      startTime: 'Timestamp',
      endTime: 'Timestamp',
      nextToken: 'NextToken',
      limit: 'EventsLimit',
    },
    InputLogEvent: {
      timestamp: 'Timestamp',
      message: 'EventMessage',
    },
    ListLogGroupsRequest: {
      logGroupNamePattern: 'LogGroupNameRegexPattern',
      logGroupClass: 'LogGroupClass',
      accountIdentifiers: 'AccountIds',
      nextToken: 'NextToken',
      limit: 'ListLimit',
      dataSources: 'DataSourceFilters',
      fieldIndexNames: 'FieldIndexNames',
      logGroupTags: 'TagFilters',
    },
    ListTagsForResourceRequest: {
      resourceArn: 'AmazonResourceName',
    },
    ListTagsLogGroupRequest: {
      logGroupName: 'LogGroupName',
    },
    PutLogEventsRequest: {
      logGroupName: 'LogGroupName',
      logStreamName: 'LogStreamName',
      logEvents: 'InputLogEvents',
      sequenceToken: 'SequenceToken',
    },
    PutRetentionPolicyRequest: {
      logGroupName: 'LogGroupName',
      retentionInDays: 'Days',
    },
    StartLiveTailRequest: {
      logGroupIdentifiers: 'StartLiveTailLogGroupIdentifiers',
      logStreamNames: 'InputLogStreamNames',
      logStreamNamePrefixes: 'InputLogStreamNames',
      logEventFilterPattern: 'FilterPattern',
    },
    TagFilter: {
      key: 'TagFilterKey',
      values: 'TagFilterValues',
    },
    TagLogGroupRequest: {
      logGroupName: 'LogGroupName',
      tags: 'Tags',
    },
    TagResourceRequest: {
      resourceArn: 'AmazonResourceName',
      tags: 'Tags',
    },
    TestMetricFilterRequest: {
      filterPattern: 'FilterPattern',
      logEventMessages: 'TestEventMessages',
    },
    UntagLogGroupRequest: {
      logGroupName: 'LogGroupName',
      tags: 'TagList',
    },
    UntagResourceRequest: {
      resourceArn: 'AmazonResourceName',
      tagKeys: 'TagKeyList',
    },
  },
};
