/**
 * A text with `…` in place of user and password of each address in it, to be shown to people. What is typed wrong, like a `/`
 * in a password, is hidden as well: everything up to the last `@` before the next address.
 */
export function hideLogins(text: string): string {
  return text.replaceAll(/\/\/(?:(?!:\/\/)[^])*@/g, '//…@');
}
