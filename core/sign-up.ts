/** What a person may choose at sign-up: one rule for the origin that keeps it, the edge that describes it and the page. */

export const USERNAME_LENGTH = { min: 3, max: 50 } as const
export const USERNAME_RULE = `Use ${USERNAME_LENGTH.min} to ${USERNAME_LENGTH.max} letters a–z, digits, _ and dots; no dot at the beginning or end.`

/** NIST SP 800-63B §5.1.1.2: at least 8 characters, any of them, no rules of composition. */
const PASSWORD_MIN = 8
/** Hashing time must not grow with what a stranger sends. */
const PASSWORD_MAX = 128
export const PASSWORD_LENGTH = { min: PASSWORD_MIN, max: PASSWORD_MAX } as const
export const PASSWORD_RULE = `Use ${PASSWORD_MIN} to ${PASSWORD_MAX} characters.`

export const EMAIL_MAX = 255
export const DISPLAY_NAME_MAX = 100

/** Handles are compared and stored in lower case: "Ana" and "ana" are one person. No dot at an end: it reads as a stop. */
const USERNAME = new RegExp(`^(?!\\.)[a-z0-9_.]{${USERNAME_LENGTH.min},${USERNAME_LENGTH.max}}(?<!\\.)$`)

/** A login or name as it is compared: the same text whichever keyboard wrote it. */
export function foldLogin(text: string): string {
  return text.normalize('NFKC').trim().toLowerCase()
}

/** Whether a user name may be chosen, as it is written: it is folded before it is kept. */
export function isUsername(text: string): boolean {
  return USERNAME.test(foldLogin(text))
}

/** Counted in characters as people see them in a code chart, not in UTF-16 units. */
export function isPassword(text: string): boolean {
  const length = [...text].length
  return length >= PASSWORD_MIN && length <= PASSWORD_MAX
}
