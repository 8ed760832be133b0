import type {YAMLError} from 'yaml';

/**
 * What the parser's complaints mean to somebody who edits a file. The parser's own words are not passed on: they assume
 * the YAML specification, and some quote the text, which may be a secret.
 */
export function syntaxMessage(error: YAMLError, text: string): string {
  const before = text.slice(0, error.pos[0]);
  if (/\$$/.test(before) && text[error.pos[0]] === '{') {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how a secret is written
    return 'inside { } or [ ] a text with ${…} must be in double quotes';
  }
  return messages[error.code] ?? 'this is not valid YAML here';
}

const quoteIt = 'a text that contains one of : # { } [ ] , & * ! | > % @ ` may have to be in double quotes';

const messages: Partial<Record<YAMLError['code'], string>> = {
  BAD_DQ_ESCAPE: 'an unknown escape sequence after "\\" in a text in double quotes; use single quotes for plain "\\"',
  BAD_INDENT: 'the indentation does not fit the lines above, or a closing } or ] is missing',
  BAD_SCALAR_START: `a text cannot begin with this character; ${quoteIt}`,
  BLOCK_AS_IMPLICIT_KEY: `two ":" on one line; ${quoteIt}`,
  BLOCK_IN_FLOW: 'a "-" list or an indented group cannot stand inside { } or [ ]',
  KEY_OVER_1024_CHARS: 'a name longer than 1024 characters; is a line break missing?',
  MISSING_CHAR: 'a closing quote, a comma, or a space after ":" is missing',
  MULTILINE_IMPLICIT_KEY: 'the line has no ": " after the name of the setting (a space must follow the colon)',
  RESOURCE_EXHAUSTION: 'lists and groups are nested too deep here',
  TAB_AS_INDENT: 'a tab is used for indentation; YAML allows only spaces',
  UNEXPECTED_TOKEN: `something does not belong here; ${quoteIt}`,
};
