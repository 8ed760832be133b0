/** What a view that `plantTree` made can be asked, below `fs/`. */
export const questions = [
  ...['tree?path=/', 'tree?recursive=true&path=/a', 'tree?path=/a', 'tree?path=/a/f0', 'tree?path=/a&max_depth=0'],
  ...['tree?path=/b&only_path=true', 'tree?path=/a&limit=1', 'tree?path=/large&recursive=true', 'tree?path=/large'],
  ...['stat?path=/a', 'stat?path=/a/f0', 'stats?path=/', 'stats?path=/a&children=true', 'stats?path=/b/f0'],
  ...['search?pattern=f', 'search?pattern=f&path=/a', 'search?path=/a&limit=2&kind=file'],
];
