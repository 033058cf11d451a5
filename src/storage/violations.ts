// Which promise of the schema a refused statement has broken.

/** The name of the violated constraint (SQLSTATE class 23), for rooms that turn it into words for the caller. */
export function violatedConstraint(error: unknown): string | undefined {
  const { code, constraint } = error as { code?: string; constraint?: string }
  return code?.startsWith('23') ? constraint : undefined
}
