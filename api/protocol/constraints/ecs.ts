/** Made by scripts/generate-constraints.ts from botocore's model and @aws-sdk/client-ecs 3.1164.0; never edited by hand. */
import type { ConstraintTable } from '../constraint-table.ts';

export const ecsConstraints: ConstraintTable = {
  shapes: {
    AcceleratorManufacturer: {
      enum: ['amazon-web-services', 'amd', 'nvidia', 'xilinx', 'habana'],
    },
    AcceleratorManufacturerSet: {
      element: 'AcceleratorManufacturer',
    },
    AcceleratorName: {
      enum: [
        'a100',
        'inferentia',
        'k520',
        'k80',
        'm60',
        'radeon-pro-v520',
        't4',
        'vu9p',
        'v100',
        'a10g',
        'h100',
        't4g',
      ],
    },
    AcceleratorNameSet: {
      element: 'AcceleratorName',
    },
    AcceleratorType: {
      enum: ['gpu', 'fpga', 'inference'],
    },
    AcceleratorTypeSet: {
      element: 'AcceleratorType',
    },
    AccessType: {
      enum: ['PRIVATE', 'PUBLIC'],
    },
    AccessTypeList: {
      element: 'AccessType',
    },
    AllowedInstanceType: {
      min: 1,
      max: 30,
      pattern: '[a-zA-Z0-9\\.\\*\\-]+',
    },
    AllowedInstanceTypeSet: {
      max: 400,
      element: 'AllowedInstanceType',
    },
    ApplicationProtocol: {
      enum: ['http', 'http2', 'grpc'],
    },
    AssignPublicIp: {
      enum: ['ENABLED', 'DISABLED'],
    },
    AutoRepairActionsStatus: {
      enum: ['ENABLED', 'DISABLED'],
    },
    AvailabilityZoneRebalancing: {
      enum: ['ENABLED', 'DISABLED'],
    },
    BareMetal: {
      enum: ['included', 'required', 'excluded'],
    },
    BoxedInteger: {
      integer: 'int',
    },
    BurstablePerformance: {
      enum: ['included', 'required', 'excluded'],
    },
    CPUArchitecture: {
      enum: ['X86_64', 'ARM64'],
    },
    CapacityOptionType: {
      enum: ['ON_DEMAND', 'SPOT', 'RESERVED'],
    },
    CapacityProviderField: {
      enum: ['TAGS'],
    },
    CapacityProviderFieldList: {
      element: 'CapacityProviderField',
    },
    CapacityProviderStrategyItemBase: {
      integer: 'int',
      min: 0,
      max: 100000,
      bound: 'value',
    },
    CapacityProviderStrategyItemWeight: {
      integer: 'int',
      min: 0,
      max: 1000,
      bound: 'value',
    },
    CapacityReservationPreference: {
      enum: ['RESERVATIONS_ONLY', 'RESERVATIONS_FIRST', 'RESERVATIONS_EXCLUDED'],
    },
    ClusterField: {
      enum: ['ATTACHMENTS', 'CONFIGURATIONS', 'SETTINGS', 'STATISTICS', 'TAGS'],
    },
    ClusterFieldList: {
      element: 'ClusterField',
    },
    ClusterSettingName: {
      enum: ['containerInsights'],
    },
    Compatibility: {
      enum: ['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES'],
    },
    CompatibilityList: {
      element: 'Compatibility',
    },
    ContainerCondition: {
      enum: ['START', 'COMPLETE', 'SUCCESS', 'HEALTHY'],
    },
    ContainerInstanceField: {
      enum: ['TAGS', 'CONTAINER_INSTANCE_HEALTH'],
    },
    ContainerInstanceFieldList: {
      element: 'ContainerInstanceField',
    },
    ContainerInstanceStatus: {
      enum: ['ACTIVE', 'DRAINING', 'REGISTERING', 'DEREGISTERING', 'REGISTRATION_FAILED'],
    },
    CpuManufacturer: {
      enum: ['intel', 'amd', 'amazon-web-services'],
    },
    CpuManufacturerSet: {
      element: 'CpuManufacturer',
    },
    DaemonDeploymentStatus: {
      enum: [
        'PENDING',
        'SUCCESSFUL',
        'STOPPED',
        'STOP_REQUESTED',
        'IN_PROGRESS',
        'ROLLBACK_IN_PROGRESS',
        'ROLLBACK_SUCCESSFUL',
        'ROLLBACK_FAILED',
      ],
    },
    DaemonDeploymentStatusList: {
      element: 'DaemonDeploymentStatus',
    },
    DaemonDrainPercent: {
      min: 0,
      max: 100,
      bound: 'value',
    },
    DaemonIpcMode: {
      enum: ['none', 'shared'],
    },
    DaemonPidMode: {
      enum: ['none', 'shared'],
    },
    DaemonPropagateTags: {
      enum: ['DAEMON', 'NONE'],
    },
    DaemonTaskDefinitionRevisionFilter: {
      enum: ['LAST_REGISTERED'],
    },
    DaemonTaskDefinitionStatusFilter: {
      enum: ['ACTIVE', 'DELETE_IN_PROGRESS', 'ALL'],
    },
    DeploymentControllerType: {
      enum: ['ECS', 'CODE_DEPLOY', 'EXTERNAL'],
    },
    DeploymentLifecycleHookAction: {
      enum: ['ROLLBACK', 'CONTINUE'],
    },
    DeploymentLifecycleHookDuration: {
      integer: 'int',
      min: 1,
      max: 20160,
      bound: 'value',
    },
    DeploymentLifecycleHookStage: {
      enum: [
        'RECONCILE_SERVICE',
        'PRE_SCALE_UP',
        'POST_SCALE_UP',
        'TEST_TRAFFIC_SHIFT',
        'POST_TEST_TRAFFIC_SHIFT',
        'PRE_PRODUCTION_TRAFFIC_SHIFT',
        'PRODUCTION_TRAFFIC_SHIFT',
        'POST_PRODUCTION_TRAFFIC_SHIFT',
      ],
    },
    DeploymentLifecycleHookStageList: {
      element: 'DeploymentLifecycleHookStage',
    },
    DeploymentLifecycleHookTargetType: {
      enum: ['AWS_LAMBDA', 'PAUSE'],
    },
    DeploymentStrategy: {
      enum: ['ROLLING', 'BLUE_GREEN', 'LINEAR', 'CANARY'],
    },
    DesiredStatus: {
      enum: ['RUNNING', 'PENDING', 'STOPPED'],
    },
    DeviceCgroupPermission: {
      enum: ['read', 'write', 'mknod'],
    },
    DeviceCgroupPermissions: {
      element: 'DeviceCgroupPermission',
    },
    Duration: {
      integer: 'int',
      min: 0,
      max: 2147483647,
      bound: 'value',
    },
    EBSResourceType: {
      enum: ['volume'],
    },
    EFSAuthorizationConfigIAM: {
      enum: ['ENABLED', 'DISABLED'],
    },
    EFSTransitEncryption: {
      enum: ['ENABLED', 'DISABLED'],
    },
    EnvironmentFileType: {
      enum: ['s3'],
    },
    ExcludedInstanceType: {
      min: 1,
      max: 30,
      pattern: '[a-zA-Z0-9\\.\\*\\-]+',
    },
    ExcludedInstanceTypeSet: {
      max: 400,
      element: 'ExcludedInstanceType',
    },
    ExecuteCommandLogging: {
      enum: ['NONE', 'DEFAULT', 'OVERRIDE'],
    },
    ExpressCpuArchitecture: {
      enum: ['ARM64', 'X86_64'],
    },
    ExpressGatewayServiceInclude: {
      enum: ['TAGS'],
    },
    ExpressGatewayServiceIncludeList: {
      element: 'ExpressGatewayServiceInclude',
    },
    ExpressGatewayServiceScalingMetric: {
      enum: ['AVERAGE_CPU', 'AVERAGE_MEMORY', 'REQUEST_COUNT_PER_TARGET'],
    },
    FirelensConfigurationType: {
      enum: ['fluentd', 'fluentbit'],
    },
    GatewayClusterAssociationStatus: {
      enum: ['ACTIVE', 'DISASSOCIATING', 'INACTIVE'],
    },
    GatewayClusterAssociationStatusList: {
      element: 'GatewayClusterAssociationStatus',
    },
    GatewayConnectorHealthCheckProtocol: {
      enum: ['HTTP', 'HTTPS'],
    },
    GatewayRouteStatus: {
      enum: [
        'ACTIVE',
        'CREATE_FAILED',
        'CREATE_IN_PROGRESS',
        'DELETE_FAILED',
        'DELETE_IN_PROGRESS',
        'UPDATE_FAILED',
        'UPDATE_IN_PROGRESS',
      ],
    },
    GatewayRouteStatusList: {
      element: 'GatewayRouteStatus',
    },
    GatewayStatus: {
      enum: ['ACTIVE', 'DELETED', 'UPDATE_COMPLETE', 'UPDATE_FAILED', 'UPDATE_IN_PROGRESS'],
    },
    GatewayStatusList: {
      element: 'GatewayStatus',
    },
    InstanceGeneration: {
      enum: ['current', 'previous'],
    },
    InstanceGenerationSet: {
      element: 'InstanceGeneration',
    },
    Integer: {
      integer: 'int',
    },
    IntegerList: {
      element: 'BoxedInteger',
    },
    IpcMode: {
      enum: ['host', 'task', 'none'],
    },
    LaunchType: {
      enum: ['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES'],
    },
    LocalStorage: {
      enum: ['included', 'required', 'excluded'],
    },
    LocalStorageType: {
      enum: ['hdd', 'ssd'],
    },
    LocalStorageTypeSet: {
      element: 'LocalStorageType',
    },
    LogDriver: {
      enum: ['json-file', 'syslog', 'journald', 'gelf', 'fluentd', 'awslogs', 'splunk', 'awsfirelens'],
    },
    Long: {
      integer: 'long',
    },
    ManagedAgentName: {
      enum: ['ExecuteCommandAgent'],
    },
    ManagedDraining: {
      enum: ['ENABLED', 'DISABLED'],
    },
    ManagedInstancesMonitoringOptions: {
      enum: ['BASIC', 'DETAILED'],
    },
    ManagedScalingInstanceWarmupPeriod: {
      integer: 'int',
      min: 0,
      max: 10000,
      bound: 'value',
    },
    ManagedScalingStatus: {
      enum: ['ENABLED', 'DISABLED'],
    },
    ManagedScalingStepSize: {
      integer: 'int',
      min: 1,
      max: 10000,
      bound: 'value',
    },
    ManagedScalingTargetCapacity: {
      integer: 'int',
      min: 1,
      max: 100,
      bound: 'value',
    },
    ManagedTerminationProtection: {
      enum: ['ENABLED', 'DISABLED'],
    },
    NetworkMode: {
      enum: ['bridge', 'host', 'awsvpc', 'none'],
    },
    OSFamily: {
      enum: [
        'WINDOWS_SERVER_2019_FULL',
        'WINDOWS_SERVER_2019_CORE',
        'WINDOWS_SERVER_2016_FULL',
        'WINDOWS_SERVER_2004_CORE',
        'WINDOWS_SERVER_2022_CORE',
        'WINDOWS_SERVER_2022_FULL',
        'WINDOWS_SERVER_2025_CORE',
        'WINDOWS_SERVER_2025_FULL',
        'WINDOWS_SERVER_20H2_CORE',
        'LINUX',
      ],
    },
    PidMode: {
      enum: ['host', 'task'],
    },
    PlacementConstraintType: {
      enum: ['distinctInstance', 'memberOf'],
    },
    PlacementStrategyType: {
      enum: ['random', 'spread', 'binpack'],
    },
    PlatformDeviceType: {
      enum: ['GPU', 'NEURON_DEVICE'],
    },
    PortNumber: {
      integer: 'int',
      min: 0,
      max: 65535,
      bound: 'value',
    },
    PropagateGatewayTags: {
      enum: ['GATEWAY', 'NONE'],
    },
    PropagateMITags: {
      enum: ['CAPACITY_PROVIDER', 'NONE'],
    },
    PropagateTags: {
      enum: ['TASK_DEFINITION', 'SERVICE', 'NONE'],
    },
    ProxyConfigurationType: {
      enum: ['APPMESH'],
    },
    ResourceManagementType: {
      enum: ['CUSTOMER', 'ECS'],
    },
    ResourceType: {
      enum: ['GPU', 'InferenceAccelerator', 'NeuronDevice'],
    },
    ScaleUnit: {
      enum: ['PERCENT'],
    },
    SchedulingStrategy: {
      enum: ['REPLICA', 'DAEMON'],
    },
    Scope: {
      enum: ['task', 'shared'],
    },
    ServiceConnectAccessLoggingFormat: {
      enum: ['TEXT', 'JSON'],
    },
    ServiceConnectIncludeQueryParameters: {
      enum: ['DISABLED', 'ENABLED'],
    },
    ServiceDeploymentStatus: {
      enum: [
        'PENDING',
        'SUCCESSFUL',
        'STOPPED',
        'STOP_REQUESTED',
        'IN_PROGRESS',
        'ROLLBACK_REQUESTED',
        'ROLLBACK_IN_PROGRESS',
        'ROLLBACK_SUCCESSFUL',
        'ROLLBACK_FAILED',
      ],
    },
    ServiceDeploymentStatusList: {
      element: 'ServiceDeploymentStatus',
    },
    ServiceField: {
      enum: ['TAGS'],
    },
    ServiceFieldList: {
      element: 'ServiceField',
    },
    ServiceRevisionCleanup: {
      enum: ['BLOCKING', 'DEFERRED'],
    },
    SettingName: {
      enum: [
        'serviceLongArnFormat',
        'taskLongArnFormat',
        'containerInstanceLongArnFormat',
        'awsvpcTrunking',
        'containerInsights',
        'fargateFIPSMode',
        'tagResourceAuthorization',
        'fargateTaskRetirementWaitPeriod',
        'guardDutyActivate',
        'defaultLogDriverMode',
        'fargateEventWindows',
      ],
    },
    SortOrder: {
      enum: ['ASC', 'DESC'],
    },
    StopServiceDeploymentStopType: {
      enum: ['ABORT', 'ROLLBACK'],
    },
    TagKey: {
      min: 1,
      max: 128,
      pattern: '([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)',
    },
    TagKeys: {
      element: 'TagKey',
    },
    TagValue: {
      max: 256,
      pattern: '([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)',
    },
    Tags: {
      max: 50,
    },
    TargetType: {
      enum: ['container-instance'],
    },
    TaskDefinitionFamilyStatus: {
      enum: ['ACTIVE', 'INACTIVE', 'ALL'],
    },
    TaskDefinitionField: {
      enum: ['TAGS'],
    },
    TaskDefinitionFieldList: {
      element: 'TaskDefinitionField',
    },
    TaskDefinitionPlacementConstraintType: {
      enum: ['memberOf'],
    },
    TaskDefinitionStatus: {
      enum: ['ACTIVE', 'INACTIVE', 'DELETE_IN_PROGRESS'],
    },
    TaskField: {
      enum: ['TAGS'],
    },
    TaskFieldList: {
      element: 'TaskField',
    },
    TaskFilesystemType: {
      enum: ['ext3', 'ext4', 'xfs', 'ntfs'],
    },
    TaskSetField: {
      enum: ['TAGS'],
    },
    TaskSetFieldList: {
      element: 'TaskSetField',
    },
    TaskVolumeStorageGiB: {
      integer: 'int',
      min: 1,
      bound: 'value',
    },
    ThresholdType: {
      enum: ['BOUNDED_PERCENT', 'COUNT', 'UNBOUNDED_PERCENT'],
    },
    TransportProtocol: {
      enum: ['tcp', 'udp'],
    },
    UlimitName: {
      enum: [
        'core',
        'cpu',
        'data',
        'fsize',
        'locks',
        'memlock',
        'msgqueue',
        'nice',
        'nofile',
        'nproc',
        'rss',
        'rtprio',
        'rttime',
        'sigpending',
        'stack',
      ],
    },
    VersionConsistency: {
      enum: ['enabled', 'disabled'],
    },
  },
  members: {
    AcceleratorCountRequest: {
      min: 'BoxedInteger',
      max: 'BoxedInteger',
    },
    AcceleratorTotalMemoryMiBRequest: {
      min: 'BoxedInteger',
      max: 'BoxedInteger',
    },
    Attribute: {
      targetType: 'TargetType',
    },
    AutoRepairConfiguration: {
      actionsStatus: 'AutoRepairActionsStatus',
    },
    AutoScalingGroupProvider: {
      managedTerminationProtection: 'ManagedTerminationProtection',
      managedDraining: 'ManagedDraining',
    },
    AutoScalingGroupProviderUpdate: {
      managedTerminationProtection: 'ManagedTerminationProtection',
      managedDraining: 'ManagedDraining',
    },
    AwsVpcConfiguration: {
      assignPublicIp: 'AssignPublicIp',
    },
    BaselineEbsBandwidthMbpsRequest: {
      min: 'BoxedInteger',
      max: 'BoxedInteger',
    },
    CanaryConfiguration: {
      canaryBakeTimeInMinutes: 'Integer',
    },
    CapacityProviderStrategyItem: {
      weight: 'CapacityProviderStrategyItemWeight',
      base: 'CapacityProviderStrategyItemBase',
    },
    CapacityReservationRequest: {
      reservationPreference: 'CapacityReservationPreference',
    },
    ClusterSetting: {
      name: 'ClusterSettingName',
    },
    ContainerDefinition: {
      cpu: 'Integer',
      memory: 'BoxedInteger',
      memoryReservation: 'BoxedInteger',
      startTimeout: 'BoxedInteger',
      stopTimeout: 'BoxedInteger',
      versionConsistency: 'VersionConsistency',
    },
    ContainerDependency: {
      condition: 'ContainerCondition',
    },
    ContainerOverride: {
      cpu: 'BoxedInteger',
      memory: 'BoxedInteger',
      memoryReservation: 'BoxedInteger',
    },
    ContainerRestartPolicy: {
      ignoredExitCodes: 'IntegerList',
      restartAttemptPeriod: 'BoxedInteger',
    },
    ContainerStateChange: {
      exitCode: 'BoxedInteger',
    },
    ContinueServiceDeploymentRequest: {
      action: 'DeploymentLifecycleHookAction',
    },
    CreateCapacityProviderRequest: {
      tags: 'Tags',
    },
    CreateClusterRequest: {
      tags: 'Tags',
    },
    CreateDaemonRequest: {
      tags: 'Tags',
      propagateTags: 'DaemonPropagateTags',
    },
    CreateExpressGatewayServiceRequest: {
      tags: 'Tags',
      cpuArchitecture: 'ExpressCpuArchitecture',
    },
    CreateGatewayRequest: {
      propagateTags: 'PropagateGatewayTags',
    },
    CreateManagedInstancesProviderConfiguration: {
      propagateTags: 'PropagateMITags',
    },
    CreateServiceRequest: {
      availabilityZoneRebalancing: 'AvailabilityZoneRebalancing',
      desiredCount: 'BoxedInteger',
      launchType: 'LaunchType',
      healthCheckGracePeriodSeconds: 'BoxedInteger',
      schedulingStrategy: 'SchedulingStrategy',
      tags: 'Tags',
      propagateTags: 'PropagateTags',
    },
    CreateTaskSetRequest: {
      launchType: 'LaunchType',
      tags: 'Tags',
    },
    DaemonContainerDefinition: {
      memory: 'BoxedInteger',
      memoryReservation: 'BoxedInteger',
      cpu: 'Integer',
      startTimeout: 'BoxedInteger',
      stopTimeout: 'BoxedInteger',
    },
    DaemonDeploymentConfiguration: {
      drainPercent: 'DaemonDrainPercent',
      bakeTimeInMinutes: 'Integer',
    },
    DeleteAccountSettingRequest: {
      name: 'SettingName',
    },
    DeploymentConfiguration: {
      maximumPercent: 'BoxedInteger',
      minimumHealthyPercent: 'BoxedInteger',
      strategy: 'DeploymentStrategy',
      bakeTimeInMinutes: 'BoxedInteger',
    },
    DeploymentController: {
      type: 'DeploymentControllerType',
    },
    DeploymentEarlySuccessCriteria: {
      sourceServiceRevisionCleanup: 'ServiceRevisionCleanup',
    },
    DeploymentLifecycleHook: {
      targetType: 'DeploymentLifecycleHookTargetType',
      lifecycleStages: 'DeploymentLifecycleHookStageList',
    },
    DeploymentLifecycleHookTimeoutConfiguration: {
      timeoutInMinutes: 'DeploymentLifecycleHookDuration',
      action: 'DeploymentLifecycleHookAction',
    },
    DescribeCapacityProvidersRequest: {
      include: 'CapacityProviderFieldList',
      maxResults: 'BoxedInteger',
    },
    DescribeClustersRequest: {
      include: 'ClusterFieldList',
    },
    DescribeContainerInstancesRequest: {
      include: 'ContainerInstanceFieldList',
    },
    DescribeExpressGatewayServiceRequest: {
      include: 'ExpressGatewayServiceIncludeList',
    },
    DescribeServicesRequest: {
      include: 'ServiceFieldList',
    },
    DescribeTaskDefinitionRequest: {
      include: 'TaskDefinitionFieldList',
    },
    DescribeTaskSetsRequest: {
      include: 'TaskSetFieldList',
    },
    DescribeTasksRequest: {
      include: 'TaskFieldList',
    },
    Device: {
      permissions: 'DeviceCgroupPermissions',
    },
    DockerVolumeConfiguration: {
      scope: 'Scope',
    },
    EBSTagSpecification: {
      resourceType: 'EBSResourceType',
      tags: 'Tags',
      propagateTags: 'PropagateTags',
    },
    EFSAuthorizationConfig: {
      iam: 'EFSAuthorizationConfigIAM',
    },
    EFSVolumeConfiguration: {
      transitEncryption: 'EFSTransitEncryption',
      transitEncryptionPort: 'BoxedInteger',
    },
    EnvironmentFile: {
      type: 'EnvironmentFileType',
    },
    EphemeralStorage: {
      sizeInGiB: 'Integer',
    },
    ExecuteCommandConfiguration: {
      logging: 'ExecuteCommandLogging',
    },
    ExpressGatewayContainer: {
      containerPort: 'BoxedInteger',
    },
    ExpressGatewayScalingTarget: {
      minTaskCount: 'BoxedInteger',
      maxTaskCount: 'BoxedInteger',
      autoScalingMetric: 'ExpressGatewayServiceScalingMetric',
      autoScalingTargetValue: 'BoxedInteger',
    },
    FirelensConfiguration: {
      type: 'FirelensConfigurationType',
    },
    GatewayConnectorFilters: {
      accessTypes: 'AccessTypeList',
    },
    GatewayConnectorHealthCheck: {
      healthCheckProtocol: 'GatewayConnectorHealthCheckProtocol',
    },
    HealthCheck: {
      interval: 'BoxedInteger',
      timeout: 'BoxedInteger',
      retries: 'BoxedInteger',
      startPeriod: 'BoxedInteger',
    },
    InfrastructureOptimization: {
      scaleInAfter: 'BoxedInteger',
    },
    InstanceLaunchTemplate: {
      monitoring: 'ManagedInstancesMonitoringOptions',
      capacityOptionType: 'CapacityOptionType',
    },
    InstanceLaunchTemplateUpdate: {
      monitoring: 'ManagedInstancesMonitoringOptions',
    },
    InstanceRequirementsRequest: {
      cpuManufacturers: 'CpuManufacturerSet',
      excludedInstanceTypes: 'ExcludedInstanceTypeSet',
      instanceGenerations: 'InstanceGenerationSet',
      spotMaxPricePercentageOverLowestPrice: 'BoxedInteger',
      onDemandMaxPricePercentageOverLowestPrice: 'BoxedInteger',
      bareMetal: 'BareMetal',
      burstablePerformance: 'BurstablePerformance',
      localStorage: 'LocalStorage',
      localStorageTypes: 'LocalStorageTypeSet',
      acceleratorTypes: 'AcceleratorTypeSet',
      acceleratorManufacturers: 'AcceleratorManufacturerSet',
      acceleratorNames: 'AcceleratorNameSet',
      allowedInstanceTypes: 'AllowedInstanceTypeSet',
      maxSpotPriceAsPercentageOfOptimalOnDemandPrice: 'BoxedInteger',
    },
    LinearConfiguration: {
      stepBakeTimeInMinutes: 'Integer',
    },
    LinuxParameters: {
      sharedMemorySize: 'BoxedInteger',
      maxSwap: 'BoxedInteger',
      swappiness: 'BoxedInteger',
    },
    ListAccountSettingsRequest: {
      name: 'SettingName',
      maxResults: 'Integer',
    },
    ListAttributesRequest: {
      targetType: 'TargetType',
      maxResults: 'BoxedInteger',
    },
    ListClustersRequest: {
      maxResults: 'BoxedInteger',
    },
    ListContainerInstancesRequest: {
      maxResults: 'BoxedInteger',
      status: 'ContainerInstanceStatus',
    },
    ListDaemonDeploymentsRequest: {
      status: 'DaemonDeploymentStatusList',
      maxResults: 'BoxedInteger',
    },
    ListDaemonTaskDefinitionsRequest: {
      revision: 'DaemonTaskDefinitionRevisionFilter',
      status: 'DaemonTaskDefinitionStatusFilter',
      sort: 'SortOrder',
      maxResults: 'BoxedInteger',
    },
    ListDaemonsRequest: {
      maxResults: 'BoxedInteger',
    },
    ListGatewayClusterAssociationsRequest: {
      status: 'GatewayClusterAssociationStatusList',
    },
    ListGatewayRoutesRequest: {
      status: 'GatewayRouteStatusList',
    },
    ListGatewaysRequest: {
      status: 'GatewayStatusList',
    },
    ListServiceDeploymentsRequest: {
      status: 'ServiceDeploymentStatusList',
      maxResults: 'BoxedInteger',
    },
    ListServicesByNamespaceRequest: {
      maxResults: 'BoxedInteger',
    },
    ListServicesRequest: {
      maxResults: 'BoxedInteger',
      launchType: 'LaunchType',
      schedulingStrategy: 'SchedulingStrategy',
      resourceManagementType: 'ResourceManagementType',
    },
    ListTaskDefinitionFamiliesRequest: {
      status: 'TaskDefinitionFamilyStatus',
      maxResults: 'BoxedInteger',
    },
    ListTaskDefinitionsRequest: {
      status: 'TaskDefinitionStatus',
      sort: 'SortOrder',
      maxResults: 'BoxedInteger',
    },
    ListTasksRequest: {
      maxResults: 'BoxedInteger',
      desiredStatus: 'DesiredStatus',
      launchType: 'LaunchType',
    },
    LoadBalancer: {
      containerPort: 'BoxedInteger',
    },
    LogConfiguration: {
      logDriver: 'LogDriver',
    },
    LogDriverVolumeConfiguration: {
      driver: 'LogDriver',
    },
    ManagedAgentStateChange: {
      managedAgentName: 'ManagedAgentName',
    },
    ManagedInstancesStorageConfiguration: {
      storageSizeGiB: 'TaskVolumeStorageGiB',
    },
    ManagedScaling: {
      status: 'ManagedScalingStatus',
      targetCapacity: 'ManagedScalingTargetCapacity',
      minimumScalingStepSize: 'ManagedScalingStepSize',
      maximumScalingStepSize: 'ManagedScalingStepSize',
      instanceWarmupPeriod: 'ManagedScalingInstanceWarmupPeriod',
    },
    MemoryMiBRequest: {
      min: 'BoxedInteger',
      max: 'BoxedInteger',
    },
    NetworkBinding: {
      containerPort: 'BoxedInteger',
      hostPort: 'BoxedInteger',
      protocol: 'TransportProtocol',
    },
    NetworkInterfaceCountRequest: {
      min: 'BoxedInteger',
      max: 'BoxedInteger',
    },
    PlacementConstraint: {
      type: 'PlacementConstraintType',
    },
    PlacementStrategy: {
      type: 'PlacementStrategyType',
    },
    PlatformDevice: {
      type: 'PlatformDeviceType',
    },
    PortMapping: {
      containerPort: 'BoxedInteger',
      hostPort: 'BoxedInteger',
      protocol: 'TransportProtocol',
      appProtocol: 'ApplicationProtocol',
    },
    ProxyConfiguration: {
      type: 'ProxyConfigurationType',
    },
    PutAccountSettingDefaultRequest: {
      name: 'SettingName',
    },
    PutAccountSettingRequest: {
      name: 'SettingName',
    },
    RegisterContainerInstanceRequest: {
      tags: 'Tags',
    },
    RegisterDaemonTaskDefinitionRequest: {
      tags: 'Tags',
      pidMode: 'DaemonPidMode',
      ipcMode: 'DaemonIpcMode',
    },
    RegisterTaskDefinitionRequest: {
      networkMode: 'NetworkMode',
      requiresCompatibilities: 'CompatibilityList',
      tags: 'Tags',
      pidMode: 'PidMode',
      ipcMode: 'IpcMode',
    },
    Resource: {
      longValue: 'Long',
      integerValue: 'Integer',
    },
    ResourceRequirement: {
      type: 'ResourceType',
    },
    RunTaskRequest: {
      count: 'BoxedInteger',
      launchType: 'LaunchType',
      propagateTags: 'PropagateTags',
      tags: 'Tags',
    },
    RuntimePlatform: {
      cpuArchitecture: 'CPUArchitecture',
      operatingSystemFamily: 'OSFamily',
    },
    S3FilesVolumeConfiguration: {
      transitEncryptionPort: 'BoxedInteger',
    },
    Scale: {
      unit: 'ScaleUnit',
    },
    ServiceConnectAccessLogConfiguration: {
      format: 'ServiceConnectAccessLoggingFormat',
      includeQueryParameters: 'ServiceConnectIncludeQueryParameters',
    },
    ServiceConnectClientAlias: {
      port: 'PortNumber',
    },
    ServiceConnectService: {
      ingressPortOverride: 'PortNumber',
    },
    ServiceManagedEBSVolumeConfiguration: {
      sizeInGiB: 'BoxedInteger',
      volumeInitializationRate: 'BoxedInteger',
      iops: 'BoxedInteger',
      throughput: 'BoxedInteger',
      filesystemType: 'TaskFilesystemType',
    },
    ServiceRegistry: {
      port: 'BoxedInteger',
      containerPort: 'BoxedInteger',
    },
    StartTaskRequest: {
      propagateTags: 'PropagateTags',
      tags: 'Tags',
    },
    StopServiceDeploymentRequest: {
      stopType: 'StopServiceDeploymentStopType',
    },
    SubmitContainerStateChangeRequest: {
      exitCode: 'BoxedInteger',
    },
    Tag: {
      key: 'TagKey',
      value: 'TagValue',
    },
    TagResourceRequest: {
      tags: 'Tags',
    },
    TaskDefinitionPlacementConstraint: {
      type: 'TaskDefinitionPlacementConstraintType',
    },
    TaskManagedEBSVolumeConfiguration: {
      sizeInGiB: 'BoxedInteger',
      volumeInitializationRate: 'BoxedInteger',
      iops: 'BoxedInteger',
      throughput: 'BoxedInteger',
      filesystemType: 'TaskFilesystemType',
    },
    ThresholdConfiguration: {
      type: 'ThresholdType',
    },
    TimeoutConfiguration: {
      idleTimeoutSeconds: 'Duration',
      perRequestTimeoutSeconds: 'Duration',
    },
    Tmpfs: {
      size: 'Integer',
    },
    Ulimit: {
      name: 'UlimitName',
      softLimit: 'Integer',
      hardLimit: 'Integer',
    },
    UntagResourceRequest: {
      tagKeys: 'TagKeys',
    },
    UpdateContainerInstancesStateRequest: {
      status: 'ContainerInstanceStatus',
    },
    UpdateDaemonRequest: {
      propagateTags: 'DaemonPropagateTags',
    },
    UpdateExpressGatewayServiceRequest: {
      cpuArchitecture: 'ExpressCpuArchitecture',
    },
    UpdateGatewayRequest: {
      propagateTags: 'PropagateGatewayTags',
    },
    UpdateManagedInstancesProviderConfiguration: {
      propagateTags: 'PropagateMITags',
    },
    UpdateServiceRequest: {
      desiredCount: 'BoxedInteger',
      availabilityZoneRebalancing: 'AvailabilityZoneRebalancing',
      healthCheckGracePeriodSeconds: 'BoxedInteger',
      propagateTags: 'PropagateTags',
    },
    UpdateTaskProtectionRequest: {
      expiresInMinutes: 'BoxedInteger',
    },
    VCpuCountRangeRequest: {
      min: 'BoxedInteger',
      max: 'BoxedInteger',
    },
  },
};
