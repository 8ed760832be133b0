/** The settings of a group as read from a file, whatever is there in its place: none of something else. */
export function groupOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
