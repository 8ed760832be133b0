import {unitCommand, unitLine, unitWord} from './unit-text.ts';

/** A file for systemd: `fustor-agent.service`, and what is in it. */
export type Unit = {name: string; text: string};

export type ServiceOptions = {
  /** With the suffix of an instance, without `.service`. */
  name: string;
  /** Whom it runs as; `root` is possible. */
  user: string;
  /** How to start the program, without its arguments. All paths here are absolute. */
  command: readonly [string, ...string[]];
  /** Names the file that it is started with. */
  configOption: '--config' | '--bootstrap';
  configFile: string;
  /** Holds `NAME=value` lines for the `${env:NAME}` of the configuration; need not exist. */
  environmentFile: string;
  dataDirectory: string;
};

export type AgentOptions = ServiceOptions & {sourcePaths: string[]};

/** `listen.host` is a numeric address. Without `listen` the fusion binds by itself. */
export type FusionOptions = ServiceOptions & GitUse & {listen: {host: string; port: number} | undefined};

export type ControllerOptions = ServiceOptions & GitUse & {port: number};

/** Whether a controller in it follows Git; `otherPaths`: what it reads besides. */
export type GitUse = {hasGit: boolean; otherPaths: string[]};

/*
 * Written for systemd 252 (Debian 12): what only later ones know (Type=notify-reload, RestartSteps=) is done without.
 * The comments in the units are for the administrator who reads them on the host.
 */

export function agentUnits(options: AgentOptions): Unit[] {
  const {name, user, configOption, sourcePaths} = options;
  const lines = [
    ...header(name),
    '',
    '[Unit]',
    'Description=Fustor agent: tells what is on the mounts of this host',
    '# It starts after the mounts and ends before them, but requires none: one that is missing or hangs is the trouble of its',
    '# own pipe, which waits for it.',
    'After=network.target remote-fs.target',
    ...unitSettings(options),
    '',
    '[Service]',
    ...lifeSettings(options, shellReload),
    ...shellSettings(options),
    '',
    ...shellCeilings({memoryHigh: '40%', memoryMax: '50%', openFiles: 65_536, oomScore: -100}),
    '',
    ...fileSettings(options, {otherPaths: sourcePaths, home: 'read-only'}),
    ...(configOption === '--bootstrap'
      ? [
          '# With PrivateTmp=yes it sees no storage below /tmp or /var/tmp, even if its controller says that one is there.',
        ]
      : []),
    '',
    '# It reads the names and attributes of everybody’s files, and can do nothing else that only root may. On NFS the server',
    '# decides: it sees the user, not this capability.',
    'CapabilityBoundingSet=CAP_DAC_READ_SEARCH',
    ...(user === 'root' ? [] : ['AmbientCapabilities=CAP_DAC_READ_SEARCH']),
    ...hardening,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ];
  return [{name: `${name}.service`, text: `${lines.join('\n')}\n`}];
}

export function fusionUnits(options: FusionOptions): Unit[] {
  const {name, listen} = options;
  const service = [
    ...header(name),
    '',
    '[Unit]',
    'Description=Fustor fusion: one tree of each storage, over HTTP',
    'After=network.target',
    ...(listen ? [`Requires=${name}.socket`] : []),
    ...unitSettings(options),
    '',
    '[Service]',
    ...lifeSettings(options, shellReload),
    ...shellSettings(options),
    '',
    ...shellCeilings({memoryHigh: '75%', memoryMax: '85%', openFiles: 262_144, oomScore: -500}),
    '',
    ...filesWithGit(options),
    '',
    '# It can do nothing that only root may; also a port below 1024 is opened by systemd.',
    'CapabilityBoundingSet=',
    ...hardening,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    ...(listen ? [`Also=${name}.socket`] : []),
  ];
  const serviceUnit = {name: `${name}.service`, text: `${service.join('\n')}\n`};
  return listen ? [{name: `${name}.socket`, text: socketText(name, listen)}, serviceUnit] : [serviceUnit];
}

export function controllerUnits(options: ControllerOptions): Unit[] {
  const {name, user, port} = options;
  const bind = port > 0 && port < 1024 ? 'CAP_NET_BIND_SERVICE' : '';
  const lines = [
    ...header(name),
    '',
    '[Unit]',
    'Description=Fustor controller: says what agents and fusions do, and knows how they are',
    'After=network.target',
    ...unitSettings(options),
    '',
    '[Service]',
    ...lifeSettings(options, 'The keys are read again, and the certificate. The rest is for the next start.'),
    '',
    '# It ends what it has started, git and ssh, itself.',
    'KillMode=mixed',
    'TimeoutStopSec=30s',
    '',
    '# All nodes go on without it.',
    'MemoryHigh=40%',
    'MemoryMax=50%',
    'OOMPolicy=continue',
    'OOMScoreAdjust=-100',
    'TasksMax=512',
    'LimitNOFILE=65536',
    '',
    ...filesWithGit(options),
    '',
    bind === ''
      ? '# It can do nothing that only root may.'
      : '# It opens a port below 1024, and can do nothing else that only root may.',
    `CapabilityBoundingSet=${bind}`,
    ...(bind === '' || user === 'root' ? [] : [`AmbientCapabilities=${bind}`]),
    ...hardening,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ];
  return [{name: `${name}.service`, text: `${lines.join('\n')}\n`}];
}

function socketText(name: string, {host, port}: {host: string; port: number}): string {
  const isEveryAddress = host === '0.0.0.0' || host === '::';
  const lines = [
    ...header(name),
    '',
    '[Unit]',
    'Description=Listening socket of the Fustor fusion',
    '',
    '[Socket]',
    '# systemd keeps listening while nothing of the fusion runs: clients wait instead of being refused. So a client also starts',
    `# a service that was stopped; "systemctl stop ${name}.socket" stops both.`,
    `ListenStream=${host.includes(':') ? `[${host}]` : host}:${port}`,
    ...(host === '::' ? ['# IPv4 too, as the program would do it.', 'BindIPv6Only=both'] : []),
    ...(isEveryAddress
      ? []
      : ['# Also when the host does not have this address yet, early while it boots.', 'FreeBind=yes']),
    'FileDescriptorName=http',
    '# How many may wait while no gateway accepts; the kernel allows net.core.somaxconn.',
    'Backlog=4096',
    '# However often the service has to be started, the socket stays open.',
    'TriggerLimitIntervalSec=0',
    '',
    '[Install]',
    'WantedBy=sockets.target',
  ];
  return `${lines.join('\n')}\n`;
}

function header(name: string): string[] {
  return [
    '# Made by "install" of this program, which replaces it. Changes of yours belong into',
    `# "systemctl edit ${name}".`,
  ];
}

function unitSettings({dataDirectory}: ServiceOptions): string[] {
  return [
    `RequiresMountsFor=${unitWord(dataDirectory)}`,
    '# It is started again however often it ends.',
    'StartLimitIntervalSec=0',
  ];
}

const shellReload = 'The configuration is read again, and a new executable is taken up, in place.';

function lifeSettings(
  {name, user, command, configOption, configFile, environmentFile}: ServiceOptions,
  reload: string,
): string[] {
  return [
    `User=${user}`,
    `SyslogIdentifier=${name}`,
    '# The variables that the configuration names, as NAME=value lines; that root can read it is enough.',
    `EnvironmentFile=-${unitLine(environmentFile)}`,
    `ExecStart=${unitCommand([...command, configOption, configFile])}`,
    `# ${reload}`,
    'ExecReload=/bin/kill -HUP $MAINPID',
    '',
    'Type=notify',
    'NotifyAccess=main',
    'TimeoutStartSec=2min',
    'Restart=always',
    'RestartSec=500ms',
    '# It gives a sign of life every 15 s. If it does not it is killed without a core dump, which would hold the keys.',
    'WatchdogSec=30s',
    'WatchdogSignal=SIGKILL',
  ];
}

function shellSettings({command, configOption, configFile}: ServiceOptions): string[] {
  return [
    '',
    '# The processes below the shell work on when it dies, and the next shell takes them over. So nobody else may be killed with',
    '# it, as "control-group" and "mixed" would do. Told to stop, the shell ends them itself, in order; if it has to be killed',
    '# then, the last command ends them.',
    'KillMode=process',
    'TimeoutStopSec=60s',
    `ExecStopPost=${unitCommand([...command, 'end-parts', configOption, configFile])}`,
  ];
}

function shellCeilings(limits: {memoryHigh: string; memoryMax: string; openFiles: number; oomScore: number}): string[] {
  return [
    '# The last resort: the shell has a ceiling of its own for each process (supervision.memory_max). When this one is reached',
    '# the kernel ends the largest process, and the others go on.',
    `MemoryHigh=${limits.memoryHigh}`,
    `MemoryMax=${limits.memoryMax}`,
    'OOMPolicy=continue',
    `OOMScoreAdjust=${limits.oomScore}`,
    'TasksMax=4096',
    `LimitNOFILE=${limits.openFiles}`,
  ];
}

/** What is below it, systemd makes for the service, and gives to its user. */
export const stateRoot = '/var/lib/';

function fileSettings(
  {dataDirectory, configFile, command}: ServiceOptions,
  {otherPaths, home}: {otherPaths: string[]; home: 'yes' | 'read-only'},
): string[] {
  const paths = [dataDirectory, configFile, ...command.filter(word => word.startsWith('/')), ...otherPaths];
  const uses = (...folders: string[]) => paths.some(path => folders.some(folder => isWithin(path, folder)));
  // A colon would mean a link there.
  const isState = dataDirectory.startsWith(stateRoot) && !dataDirectory.includes(':');
  return [
    '# Everything is read-only for it but its data directory.',
    'ProtectSystem=strict',
    ...(isState
      ? [`StateDirectory=${unitWord(dataDirectory.slice(stateRoot.length))}`, 'StateDirectoryMode=0700']
      : [`ReadWritePaths=${unitWord(dataDirectory)}`]),
    `ProtectHome=${uses('/home', '/root', '/run/user') ? 'read-only' : home}`,
    ...(uses('/tmp', '/var/tmp')
      ? ['# Not private, because something that it needs is there.', 'PrivateTmp=no']
      : ['PrivateTmp=yes']),
    'UMask=0077',
  ];
}

function filesWithGit(options: ServiceOptions & GitUse): string[] {
  const {hasGit, otherPaths} = options;
  if (!hasGit) return fileSettings(options, {otherPaths, home: 'yes'});
  return [
    '# git and ssh read the home of this user (.gitconfig, .ssh) and cannot write there: the key of the Git server has to be',
    '# in .ssh/known_hosts. The home is the one in the list of users, which has to exist then.',
    ...fileSettings(options, {otherPaths, home: 'read-only'}),
  ];
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

const hardening = [
  'NoNewPrivileges=yes',
  'PrivateDevices=yes',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectProc=invisible',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
  '# Not MemoryDenyWriteExecute=: JavaScript is compiled while it runs.',
];
