import packageJson from '../package.json' with {type: 'json'};

/** The version of every program built from this tree. */
export const version: string = packageJson.version;
