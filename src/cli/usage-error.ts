/** Something about the call that the person at the terminal can mend; printed as one line. */
export class UsageError extends Error {}
