/** Where the API has something of a view; without a name, of the only view of the key. */
export function viewPath(view: string | undefined, rest: string): string {
  return view === undefined ? rest : `views/${encodeURIComponent(view)}/${rest}`;
}
