/** The version of every program built from this tree; the bundler bakes it in from package.json. */
export const version = '0.1.0';
