/** 32 hex digits. `crypto.randomUUID` is for pages with a certificate or on localhost alone. */
export const makeId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
