// A question before a change: what will happen in words, and by a dry run what it changes, field by field.
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useId, useState } from "react";
import type { DryRun } from "../api/types";
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { DiffView } from "./DiffView";
import { Loading } from "./Loading";
import { ProblemAlert } from "./ProblemAlert";

interface Props {
	title: string;
	/** What will happen. */
	children: ReactNode;
	/** The dry run whose differences are shown; absent where there is none. */
	rehearse?: () => Promise<DryRun>;
	/** Makes the change. It may throw, which is shown. */
	onConfirm: () => Promise<void>;
	onClose: () => void;
	confirmLabel?: string;
	isDangerous?: boolean;
	/** Whether a change without differences may be made all the same. */
	mayBeEmpty?: boolean;
}

export function ConfirmWithDiff({
	title,
	children,
	rehearse,
	onConfirm,
	onClose,
	confirmLabel,
	isDangerous,
	mayBeEmpty,
}: Props) {
	const t = useText(common);
	const id = useId();
	const [error, setError] = useState<unknown>();
	const [isBusy, setIsBusy] = useState(false);
	const run = useQuery({
		queryKey: ["dry-run", id],
		queryFn: () => (rehearse ? rehearse() : Promise.resolve(null)),
		retry: false,
		gcTime: 0,
		staleTime: Number.POSITIVE_INFINITY,
		refetchOnWindowFocus: false,
	});
	const lines = run.data?.changes.flatMap((change) => change.diff) ?? [];
	const isNothing = Boolean(rehearse && run.data && run.data.changes.length === 0 && !mayBeEmpty);

	async function confirm() {
		setIsBusy(true);
		setError(undefined);
		try {
			await onConfirm();
			onClose();
		} catch (failure) {
			setError(failure);
			setIsBusy(false);
		}
	}

	return (
		<Dialog
			title={title}
			onClose={isBusy ? undefined : onClose}
			onSubmit={confirm}
			footer={
				<>
					<Button onClick={onClose} disabled={isBusy}>
						{t("cancel")}
					</Button>
					<Button
						type="submit"
						theme={isDangerous ? "danger" : "primary"}
						loading={isBusy}
						disabled={run.isPending || run.isError || isNothing}
					>
						{confirmLabel ?? t("confirm")}
					</Button>
				</>
			}
		>
			<div className="hw-words">{children}</div>
			{rehearse && (
				<div className="hw-confirm__diff">
					{run.isPending ? (
						<Loading rows={2} />
					) : run.isError ? (
						<ProblemAlert error={run.error} onRetry={() => run.refetch()} />
					) : (
						<DiffView lines={lines} />
					)}
				</div>
			)}
			{error ? <ProblemAlert error={error} /> : null}
		</Dialog>
	);
}
