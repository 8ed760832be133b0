const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar that is full at 1, in so many characters. What is more than nothing shows. */
export function bar(part: number, width: number): string {
  const units = part <= 0 ? 0 : Math.max(1, Math.round(Math.min(1, part) * width * 8));
  return `${'█'.repeat(Math.floor(units / 8))}${eighths[units % 8]}`.padEnd(width);
}
