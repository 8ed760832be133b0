import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {agentUnits, controllerUnits, fusionUnits, type Unit} from './units.ts';

const service = {
  user: 'fustor',
  configOption: '--config',
  configFile: '/etc/fustor/fustor.yaml',
  environmentFile: '/etc/fustor/fustor.env',
} as const;
const agent = {
  ...service,
  name: 'fustor-agent',
  command: ['/usr/local/bin/fustor-agent'],
  dataDirectory: '/var/lib/fustor/agent',
  sourcePaths: ['/mnt/research'],
} as const;
const fusion = {
  ...service,
  name: 'fustor-fusion',
  command: ['/usr/local/bin/fustor-fusion'],
  dataDirectory: '/srv/fustor fusion',
  listen: {host: '10.1.2.3', port: 8102},
  hasGit: false,
  otherPaths: [] as string[],
} as const;

const controller = {
  ...service,
  name: 'fustor-controller',
  command: ['/usr/local/bin/fustor-controller'],
  dataDirectory: '/var/lib/fustor/controller',
  port: 8101,
  hasGit: true,
} as const;

function agentText(changes: Partial<Parameters<typeof agentUnits>[0]> = {}): string {
  return agentUnits({...agent, sourcePaths: [...agent.sourcePaths], ...changes})[0]!.text;
}

function fusionText(name: string, changes: Partial<Parameters<typeof fusionUnits>[0]> = {}): string | undefined {
  return fusionUnits({...fusion, ...changes}).find(unit => unit.name === name)?.text;
}

function controllerText(changes: Partial<Parameters<typeof controllerUnits>[0]> = {}): string {
  return controllerUnits({...controller, otherPaths: [], ...changes})[0]!.text;
}

test('the agent is a service', () => {
  expect(agentText()).toMatchInlineSnapshot(`
    "# Made by "install" of this program, which replaces it. Changes of yours belong into
    # "systemctl edit fustor-agent".

    [Unit]
    Description=Fustor agent: tells what is on the mounts of this host
    # It starts after the mounts and ends before them, but requires none: one that is missing or hangs is the trouble of its
    # own pipe, which waits for it.
    After=network.target remote-fs.target
    RequiresMountsFor=/var/lib/fustor/agent
    # It is started again however often it ends.
    StartLimitIntervalSec=0

    [Service]
    User=fustor
    SyslogIdentifier=fustor-agent
    # The variables that the configuration names, as NAME=value lines; that root can read it is enough.
    EnvironmentFile=-/etc/fustor/fustor.env
    ExecStart=/usr/local/bin/fustor-agent --config /etc/fustor/fustor.yaml
    # The configuration is read again, and a new executable is taken up, in place.
    ExecReload=/bin/kill -HUP $MAINPID

    Type=notify
    NotifyAccess=main
    TimeoutStartSec=2min
    Restart=always
    RestartSec=500ms
    # It gives a sign of life every 15 s. If it does not it is killed without a core dump, which would hold the keys.
    WatchdogSec=30s
    WatchdogSignal=SIGKILL

    # The processes below the shell work on when it dies, and the next shell takes them over. So nobody else may be killed with
    # it, as "control-group" and "mixed" would do. Told to stop, the shell ends them itself, in order; if it has to be killed
    # then, the last command ends them.
    KillMode=process
    TimeoutStopSec=60s
    ExecStopPost=/usr/local/bin/fustor-agent end-parts --config /etc/fustor/fustor.yaml

    # The last resort: the shell has a ceiling of its own for each process (supervision.memory_max). When this one is reached
    # the kernel ends the largest process, and the others go on.
    MemoryHigh=40%
    MemoryMax=50%
    OOMPolicy=continue
    OOMScoreAdjust=-100
    TasksMax=4096
    LimitNOFILE=65536

    # Everything is read-only for it but its data directory.
    ProtectSystem=strict
    StateDirectory=fustor/agent
    StateDirectoryMode=0700
    ProtectHome=read-only
    PrivateTmp=yes
    UMask=0077

    # It reads the names and attributes of everybody’s files, and can do nothing else that only root may. On NFS the server
    # decides: it sees the user, not this capability.
    CapabilityBoundingSet=CAP_DAC_READ_SEARCH
    AmbientCapabilities=CAP_DAC_READ_SEARCH
    NoNewPrivileges=yes
    PrivateDevices=yes
    ProtectClock=yes
    ProtectControlGroups=yes
    ProtectHostname=yes
    ProtectKernelLogs=yes
    ProtectKernelModules=yes
    ProtectKernelTunables=yes
    ProtectProc=invisible
    RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
    RestrictNamespaces=yes
    RestrictRealtime=yes
    RestrictSUIDSGID=yes
    LockPersonality=yes
    SystemCallArchitectures=native
    SystemCallFilter=@system-service
    SystemCallErrorNumber=EPERM
    # Not MemoryDenyWriteExecute=: JavaScript is compiled while it runs.

    [Install]
    WantedBy=multi-user.target
    "
  `);
});

test('the fusion is a service with a socket', () => {
  expect(fusionText('fustor-fusion.service')).toMatchInlineSnapshot(`
    "# Made by "install" of this program, which replaces it. Changes of yours belong into
    # "systemctl edit fustor-fusion".

    [Unit]
    Description=Fustor fusion: one tree of each storage, over HTTP
    After=network.target
    Requires=fustor-fusion.socket
    RequiresMountsFor="/srv/fustor fusion"
    # It is started again however often it ends.
    StartLimitIntervalSec=0

    [Service]
    User=fustor
    SyslogIdentifier=fustor-fusion
    # The variables that the configuration names, as NAME=value lines; that root can read it is enough.
    EnvironmentFile=-/etc/fustor/fustor.env
    ExecStart=/usr/local/bin/fustor-fusion --config /etc/fustor/fustor.yaml
    # The configuration is read again, and a new executable is taken up, in place.
    ExecReload=/bin/kill -HUP $MAINPID

    Type=notify
    NotifyAccess=main
    TimeoutStartSec=2min
    Restart=always
    RestartSec=500ms
    # It gives a sign of life every 15 s. If it does not it is killed without a core dump, which would hold the keys.
    WatchdogSec=30s
    WatchdogSignal=SIGKILL

    # The processes below the shell work on when it dies, and the next shell takes them over. So nobody else may be killed with
    # it, as "control-group" and "mixed" would do. Told to stop, the shell ends them itself, in order; if it has to be killed
    # then, the last command ends them.
    KillMode=process
    TimeoutStopSec=60s
    ExecStopPost=/usr/local/bin/fustor-fusion end-parts --config /etc/fustor/fustor.yaml

    # The last resort: the shell has a ceiling of its own for each process (supervision.memory_max). When this one is reached
    # the kernel ends the largest process, and the others go on.
    MemoryHigh=75%
    MemoryMax=85%
    OOMPolicy=continue
    OOMScoreAdjust=-500
    TasksMax=4096
    LimitNOFILE=262144

    # Everything is read-only for it but its data directory.
    ProtectSystem=strict
    ReadWritePaths="/srv/fustor fusion"
    ProtectHome=yes
    PrivateTmp=yes
    UMask=0077

    # It can do nothing that only root may; also a port below 1024 is opened by systemd.
    CapabilityBoundingSet=
    NoNewPrivileges=yes
    PrivateDevices=yes
    ProtectClock=yes
    ProtectControlGroups=yes
    ProtectHostname=yes
    ProtectKernelLogs=yes
    ProtectKernelModules=yes
    ProtectKernelTunables=yes
    ProtectProc=invisible
    RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
    RestrictNamespaces=yes
    RestrictRealtime=yes
    RestrictSUIDSGID=yes
    LockPersonality=yes
    SystemCallArchitectures=native
    SystemCallFilter=@system-service
    SystemCallErrorNumber=EPERM
    # Not MemoryDenyWriteExecute=: JavaScript is compiled while it runs.

    [Install]
    WantedBy=multi-user.target
    Also=fustor-fusion.socket
    "
  `);
});

test('the socket belongs to systemd', () => {
  expect(fusionText('fustor-fusion.socket')).toMatchInlineSnapshot(`
    "# Made by "install" of this program, which replaces it. Changes of yours belong into
    # "systemctl edit fustor-fusion".

    [Unit]
    Description=Listening socket of the Fustor fusion

    [Socket]
    # systemd keeps listening while nothing of the fusion runs: clients wait instead of being refused. So a client also starts
    # a service that was stopped; "systemctl stop fustor-fusion.socket" stops both.
    ListenStream=10.1.2.3:8102
    # Also when the host does not have this address yet, early while it boots.
    FreeBind=yes
    FileDescriptorName=http
    # How many may wait while no gateway accepts; the kernel allows net.core.somaxconn.
    Backlog=4096
    # However often the service has to be started, the socket stays open.
    TriggerLimitIntervalSec=0

    [Install]
    WantedBy=sockets.target
    "
  `);
});

test('the controller is a service that has git', () => {
  expect(controllerText()).toMatchInlineSnapshot(`
    "# Made by "install" of this program, which replaces it. Changes of yours belong into
    # "systemctl edit fustor-controller".

    [Unit]
    Description=Fustor controller: says what agents and fusions do, and knows how they are
    After=network.target
    RequiresMountsFor=/var/lib/fustor/controller
    # It is started again however often it ends.
    StartLimitIntervalSec=0

    [Service]
    User=fustor
    SyslogIdentifier=fustor-controller
    # The variables that the configuration names, as NAME=value lines; that root can read it is enough.
    EnvironmentFile=-/etc/fustor/fustor.env
    ExecStart=/usr/local/bin/fustor-controller --config /etc/fustor/fustor.yaml
    # The keys are read again, and the certificate. The rest is for the next start.
    ExecReload=/bin/kill -HUP $MAINPID

    Type=notify
    NotifyAccess=main
    TimeoutStartSec=2min
    Restart=always
    RestartSec=500ms
    # It gives a sign of life every 15 s. If it does not it is killed without a core dump, which would hold the keys.
    WatchdogSec=30s
    WatchdogSignal=SIGKILL

    # It ends what it has started, git and ssh, itself.
    KillMode=mixed
    TimeoutStopSec=30s

    # All nodes go on without it.
    MemoryHigh=40%
    MemoryMax=50%
    OOMPolicy=continue
    OOMScoreAdjust=-100
    TasksMax=512
    LimitNOFILE=65536

    # git and ssh read the home of this user (.gitconfig, .ssh) and cannot write there: the key of the Git server has to be
    # in .ssh/known_hosts. The home is the one in the list of users, which has to exist then.
    # Everything is read-only for it but its data directory.
    ProtectSystem=strict
    StateDirectory=fustor/controller
    StateDirectoryMode=0700
    ProtectHome=read-only
    PrivateTmp=yes
    UMask=0077

    # It can do nothing that only root may.
    CapabilityBoundingSet=
    NoNewPrivileges=yes
    PrivateDevices=yes
    ProtectClock=yes
    ProtectControlGroups=yes
    ProtectHostname=yes
    ProtectKernelLogs=yes
    ProtectKernelModules=yes
    ProtectKernelTunables=yes
    ProtectProc=invisible
    RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
    RestrictNamespaces=yes
    RestrictRealtime=yes
    RestrictSUIDSGID=yes
    LockPersonality=yes
    SystemCallArchitectures=native
    SystemCallFilter=@system-service
    SystemCallErrorNumber=EPERM
    # Not MemoryDenyWriteExecute=: JavaScript is compiled while it runs.

    [Install]
    WantedBy=multi-user.target
    "
  `);
});

test('a controller without git sees no homes, and one with a low port may open it', () => {
  const said = (text: string) =>
    text.match(/^(ProtectHome|CapabilityBoundingSet|AmbientCapabilities|PrivateTmp)=.*$/gm);
  expect(said(controllerText({hasGit: false}))).toEqual([
    'ProtectHome=yes',
    'PrivateTmp=yes',
    'CapabilityBoundingSet=',
  ]);
  const capability = 'CAP_NET_BIND_SERVICE';
  const low = controllerText({port: 443, otherPaths: ['/tmp/origin.git']});
  expect(said(low)).toEqual([
    'ProtectHome=read-only',
    'PrivateTmp=no',
    `CapabilityBoundingSet=${capability}`,
    `AmbientCapabilities=${capability}`,
  ]);
  const ofRoot = controllerText({port: 443, user: 'root'}).match(/^\w*Cap\w*=.*$/gm);
  expect(ofRoot).toEqual([`CapabilityBoundingSet=${capability}`]);
});

test('a node that a controller tells all else is started with its bootstrap file, and its parts are ended with it', () => {
  const bootstrap = {configOption: '--bootstrap', configFile: '/etc/fustor/node.yaml'} as const;
  for (const text of [agentText(bootstrap), fusionText('fustor-fusion.service', bootstrap)!]) {
    expect(text.match(/^Exec(Start|StopPost)=\S+ .*$/gm)).toEqual([
      expect.stringMatching(/ --bootstrap \/etc\/fustor\/node.yaml$/),
      expect.stringMatching(/ end-parts --bootstrap \/etc\/fustor\/node.yaml$/),
    ]);
  }
});

test('every address is one that systemd understands', () => {
  const listenStream = (host: string) =>
    fusionText('fustor-fusion.socket', {listen: {host, port: 1}})!.match(/^(ListenStream|BindIPv6Only|FreeBind)=.*$/gm);
  expect(listenStream('::')).toEqual(['ListenStream=[::]:1', 'BindIPv6Only=both']);
  expect(listenStream('fd00::7')).toEqual(['ListenStream=[fd00::7]:1', 'FreeBind=yes']);
  expect(listenStream('0.0.0.0')).toEqual(['ListenStream=0.0.0.0:1']);
});

test('without an address of its own the fusion has no socket unit', () => {
  const units = fusionUnits({...fusion, listen: undefined});
  expect(units.map(({name}) => name)).toEqual(['fustor-fusion.service']);
  expect(units[0]!.text).not.toContain('.socket');
});

test('root needs no capability handed to it, and has no other one', () => {
  const capabilities = agentText({user: 'root'}).match(/^\w*Cap\w*=.*$/gm);
  expect(capabilities).toEqual(['CapabilityBoundingSet=CAP_DAC_READ_SEARCH']);
});

test('what a service needs is not hidden from it', () => {
  const hidden = (text: string) => text.match(/^(ProtectHome|PrivateTmp)=.*$/gm);
  expect(hidden(agentText())).toEqual(['ProtectHome=read-only', 'PrivateTmp=yes']);
  expect(hidden(agentText({sourcePaths: ['/tmp/storage']}))).toEqual(['ProtectHome=read-only', 'PrivateTmp=no']);
  const fusionHidden = (changes: object) => hidden(fusionText('fustor-fusion.service', changes)!);
  expect(fusionHidden({})).toEqual(['ProtectHome=yes', 'PrivateTmp=yes']);
  expect(fusionHidden({command: ['/home/anna/fustor-fusion']})).toEqual(['ProtectHome=read-only', 'PrivateTmp=yes']);
  expect(fusionHidden({hasGit: true})).toEqual(['ProtectHome=read-only', 'PrivateTmp=yes']);
  expect(fusionHidden({dataDirectory: '/var/tmp/data'})).toEqual(['ProtectHome=yes', 'PrivateTmp=no']);
});

test('no path is taken for a word of systemd', () => {
  const text = agentText({
    command: ['/opt/a b/fustor-agent'],
    configFile: '/etc/100%/"$HOME"\\x.yaml',
    dataDirectory: '/data/\n[Service]\nUser=root',
  });
  expect(text.match(/^(ExecStart|ReadWritePaths|RequiresMountsFor)=.*$/gm)).toEqual([
    'RequiresMountsFor="/data/\\n[Service]\\nUser=root"',
    'ExecStart="/opt/a b/fustor-agent" --config "/etc/100%%/\\"$$HOME\\"\\\\x.yaml"',
    'ReadWritePaths="/data/\\n[Service]\\nUser=root"',
  ]);
});

const whyNoSystemd =
  spawnSync('systemd-analyze', ['--version']).status === 0 ? '' : ' (systemd-analyze is not installed)';

test.skipIf(whyNoSystemd !== '')(`systemd finds nothing wrong with the units${whyNoSystemd}`, () => {
  using folder = temporaryFolder();
  const command = ['/bin/true'] as const; // systemd looks whether it is there
  const awkward = {
    configFile: '/etc/100% "$HOME"/\\x.yaml',
    environmentFile: '/etc/100% "$HOME"/\\x.env',
    dataDirectory: "/srv/o'ne two",
  };
  const sets: Record<string, Unit[]> = {
    usual: [
      ...agentUnits({...agent, sourcePaths: [], command}),
      ...fusionUnits({...fusion, command}),
      ...controllerUnits({...controller, otherPaths: [], command}),
    ],
    awkward: [
      ...agentUnits({...agent, sourcePaths: [], command, user: 'root', ...awkward}),
      ...fusionUnits({...fusion, command, listen: {host: '::', port: 80}, ...awkward}),
      ...controllerUnits({...controller, otherPaths: [], command, port: 443, ...awkward}),
    ],
  };
  for (const [name, units] of Object.entries(sets)) {
    const directory = join(folder.path, name);
    mkdirSync(directory);
    for (const unit of units) writeFileSync(join(directory, unit.name), unit.text);
    const files = units.map(unit => join(directory, unit.name));
    const {stderr, status} = spawnSync('systemd-analyze', ['verify', ...files], {encoding: 'utf8'});
    expect({name, stderr, status}).toEqual({name, stderr: '', status: 0});
  }
  for (const name of ['fustor-fusion.service', 'fustor-controller.service']) {
    const service = join(folder.path, 'usual', name);
    const read = execFileSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', service], {
      encoding: 'utf8',
    });
    expect(Number(/exposure level for .*: ([\d.]+)/.exec(read)![1])).toBeLessThan(3);
  }
});
