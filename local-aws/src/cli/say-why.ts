/** One sentence for people; the stack only for those who ask with LIFEBOAT_DEBUG=1. */
export function sayWhy(err: unknown): string {
  if (!(err instanceof Error)) return String(err);
  if (process.env['LIFEBOAT_DEBUG'] === '1') return err.stack ?? err.message;
  const code = (err as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC')
    return 'The disk is full: local-aws cannot keep its state. Free some space, or choose another folder with --state.';
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return `local-aws may not write or read there: ${err.message}. Choose another folder with --state.`;
  }
  return err.message;
}
