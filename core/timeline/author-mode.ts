/**
 * How an author's posts reach readers. push: into timelines. pull: merged at read time. both: while an author crosses from
 * one to the other. Postgres holds it (author_modes), and whoever needs it asks the primary.
 */
export type AuthorMode = 'push' | 'both' | 'pull'
