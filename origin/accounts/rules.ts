/** What a person may choose as name, address and password. */
import { type FieldProblem, problems } from '#core/problem.ts'

/** Handles are compared and stored in lower case: "Ana" and "ana" are one person. No dot at an end: it reads as a stop. */
const USERNAME = /^(?!\.)[a-z0-9_.]{3,50}(?<!\.)$/

/** One @ between something and a domain with a dot. Only a message sent there would prove more. */
const EMAIL = /^[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+$/
const EMAIL_LENGTH = 255

/** NIST SP 800-63B §5.1.1.2: at least 8 characters, any of them, no rules of composition. */
export const PASSWORD_MIN = 8
/** Hashing time must not grow with what a stranger sends. */
export const PASSWORD_MAX = 128
const DISPLAY_NAME_MAX = 100

export interface Registration {
  username: string
  email: string
  password: string
  displayName: string
}

/** A login or name as it is compared: the same text whichever keyboard wrote it. */
export function foldLogin(text: string): string {
  return text.normalize('NFKC').trim().toLowerCase()
}

/**
 * The registration as it will be stored.
 * @throws Problem 400 that names every field at fault
 */
export function checkRegistration(input: Registration): Registration {
  const username = foldLogin(input.username)
  const email = foldLogin(input.email)
  const displayName = input.displayName.normalize('NFC').trim()
  const errors: FieldProblem[] = []
  if (!USERNAME.test(username)) {
    errors.push({
      pointer: '/username',
      detail: 'Use 3 to 50 letters a–z, digits, _ and dots; no dot at the beginning or end.',
    })
  }
  if (!EMAIL.test(email) || email.length > EMAIL_LENGTH) {
    errors.push({ pointer: '/email', detail: 'This is not an e-mail address.' })
  }
  const length = [...input.password].length
  if (length < PASSWORD_MIN || length > PASSWORD_MAX) {
    errors.push({ pointer: '/password', detail: `Use ${PASSWORD_MIN} to ${PASSWORD_MAX} characters.` })
  }
  if (displayName.length > DISPLAY_NAME_MAX) {
    errors.push({ pointer: '/displayName', detail: `Use at most ${DISPLAY_NAME_MAX} characters.` })
  }
  if (errors.length > 0) throw problems.badRequest('The account cannot be made like this.', errors)
  return { username, email, password: input.password, displayName }
}
