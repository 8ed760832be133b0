/** What a node can tell, in the order in which it is told. All of it is in the packed entry, but the path. */
export const nodeFields = [
  'name',
  'path',
  'content_type',
  'size',
  'modified_time',
  'changed_time',
  'integrity_suspect',
  'blind_spot',
] as const;
export type NodeField = (typeof nodeFields)[number];

const attributes = ['content_type', 'size', 'modified_time', 'integrity_suspect'] as const;

/** What is told where nobody chose: a node that stands in its directory has a name, one on a line of its own a path. */
export const fieldsDefault = {nested: ['name', ...attributes], flat: ['path', ...attributes]} as const satisfies Record<
  string,
  readonly NodeField[]
>;

export function isNodeField(text: string): text is NodeField {
  return (nodeFields as readonly string[]).includes(text);
}

/** In their order, each once. */
export function orderedFields(fields: readonly NodeField[]): readonly NodeField[] {
  return nodeFields.filter(field => fields.includes(field));
}

/** What is told of a node that only leads to others: its name, whether asked for or not. */
export function leadingFields(fields: readonly NodeField[]): readonly NodeField[] {
  return fields.includes('path') ? ['name', 'path'] : ['name'];
}
