/** What a person may choose as name, address and password. */
import { type FieldProblem, problems } from '#core/problem.ts'
import {
  DISPLAY_NAME_MAX,
  EMAIL_MAX,
  foldLogin,
  isPassword,
  isUsername,
  PASSWORD_RULE,
  USERNAME_RULE,
} from '#core/sign-up.ts'

/** One @ between something and a domain with a dot. Only a message sent there would prove more. */
const EMAIL = /^[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+$/

export interface Registration {
  username: string
  email: string
  password: string
  displayName: string
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
  if (!isUsername(username)) errors.push({ pointer: '/username', detail: USERNAME_RULE })
  if (!EMAIL.test(email) || email.length > EMAIL_MAX) {
    errors.push({ pointer: '/email', detail: 'This is not an e-mail address.' })
  }
  if (!isPassword(input.password)) errors.push({ pointer: '/password', detail: PASSWORD_RULE })
  if (displayName.length > DISPLAY_NAME_MAX) {
    errors.push({ pointer: '/displayName', detail: `Use at most ${DISPLAY_NAME_MAX} characters.` })
  }
  if (errors.length > 0) throw problems.badRequest('The account cannot be made like this.', errors)
  return { username, email, password: input.password, displayName }
}
