/** Prints the counts of the whole run as the last line: `N passed, N failed`. */
export default class SummaryReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    // After the default reporter's own summary, which goes to stderr.
    process.stderr.write('');
    process.stdout.write(`${results.numPassedTests} passed, ${failed} failed\n`);
  }
}
