import { ParentClosePolicy, WorkflowIdReusePolicy } from '@temporalio/workflow';

/** A second run for a slot cannot exist; children are cancelled, not killed, when the night ends early, so that they clean up. */
export function asChild(workflowId: string) {
  return {
    workflowId,
    workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  };
}
