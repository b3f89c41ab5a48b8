/** `npm start` cannot go on. The message is for people and complete: what, which, and what to do. Exit status 2. */
export class StartProblem extends Error {
  override readonly name = 'StartProblem';
}
