// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
/** A small site in four files: two fusions, three agents, one of them with a file of its own. */
export const goodSite: Readonly<Record<string, string>> = {
  'site/fusions.yaml': `\
fusions:
  east: { url: "http://east:8102", gateways: 1 }
  west: { url: "http://west:8102" }
`,
  'site/views.yaml': `\
datastores:
  lab: { description: The laboratory }
views:
  research: { datastore: lab, fusion: east, session_timeout: 5s }
  archive: { fusion: west }
`,
  'site/pipes.yaml': `\
sources:
  lab: { path: /mnt/lab }
  old: { path: "/mnt/\${env:OLD}" }
senders:
  east: { fusion: east }
  west: { fusion: west, key: "\${secret:west-key}" }
pipes:
  research: { source: lab, sender: east, view: research }
  archive: { source: old, sender: west, view: archive }
agents:
  node-a: { pipes: [research, archive], log_level: debug }
  node-b: { pipes: [archive] }
`,
  'site/keys.yaml': `\
users:
  ada: { role: operator }
keys:
  scripts: { role: reader, views: [research], user: ada, key: "\${secret:scripts}" }
  all: { role: operator, views: "*", sha256: ${'ab'.repeat(32)} }
`,
  'agents/node-c.yaml': `\
agent: { id: node-c, data: ./state }
sources: { mine: { path: /data } }
pipes: { own: { source: mine, sender: east, view: research, audit_interval: 1h } }
`,
};

export const goodCredentials: Readonly<Record<string, string>> = {
  'west-key': 'key-for-the-${west}',
  scripts: 'key-of-the-scripts',
};
