/** What is unique among all people, whichever database their rows lie in. In the first database, used when there are several. */
import { pgTable, timestamp, unique, varchar } from 'drizzle-orm/pg-core'
import { id } from './columns.ts'

/**
 * Who has which name and address. A row is a claim until it is confirmed, which is when the account begins to exist: a
 * sign-up that dies before that leaves a claim, which anybody may take over after a minute.
 */
export const directory = pgTable(
  'directory',
  {
    userId: id('user_id').primaryKey(),
    username: varchar('username', { length: 50 }).notNull(),
    email: varchar('email', { length: 255 }).notNull(),
    claimedAt: timestamp('claimed_at', { withTimezone: true }).notNull().defaultNow(),
    confirmedAt: timestamp('confirmed_at', { withTimezone: true }),
  },
  (t) => [unique('directory_username_unique').on(t.username), unique('directory_email_unique').on(t.email)],
)
