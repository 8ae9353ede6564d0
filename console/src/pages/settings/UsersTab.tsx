// The accounts: who may sign in, and what they may.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { AddIcon, EllipsisIcon } from "tdesign-icons-react";
import { common } from "../../i18n/common";
import { moment } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { settingTexts } from "../../i18n/settings";
import { Button } from "../../parts/Button";
import { Card } from "../../parts/Card";
import { EmptyState } from "../../parts/EmptyState";
import { Loading } from "../../parts/Loading";
import { Menu } from "../../parts/Menu";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { Tag } from "../../parts/Tag";
import { useNeeds } from "../../session/needs";
import { useSession } from "../../session/session";
import { type User, usersKey, useUsers } from "./queries";
import { AddUser, ChangeRole, DeleteUser, ResetPassword } from "./UserDialogs";

type Open = { what: "add" } | { what: "role" | "password" | "delete"; user: User };

export default function UsersTab() {
	const t = useText(settingTexts);
	const c = useText(common);
	const client = useQueryClient();
	const session = useSession();
	const reason = useNeeds("admin");
	const users = useUsers(reason === undefined);
	const [open, setOpen] = useState<Open>();

	if (reason !== undefined) {
		return (
			<Card>
				<EmptyState title={t("onlyAdmins")}>{reason}</EmptyState>
			</Card>
		);
	}

	function close() {
		setOpen(undefined);
		client.invalidateQueries({ queryKey: usersKey });
	}

	return (
		<>
			<Card
				title={t("users")}
				id="users"
				actions={
					<Button theme="primary" icon={<AddIcon aria-hidden="true" />} onClick={() => setOpen({ what: "add" })}>
						{t("addUser")}
					</Button>
				}
			>
				<p className="hw-quiet hw-lead">{t("usersLead")}</p>
				{users.isPending ? (
					<Loading rows={4} />
				) : users.isError ? (
					<ProblemAlert error={users.error} onRetry={() => users.refetch()} />
				) : (
					<div className="hw-scroll">
						<table className="hw-table">
							<thead>
								<tr>
									<th scope="col">{c("name")}</th>
									<th scope="col">{t("role")}</th>
									<th scope="col">{c("status")}</th>
									<th scope="col" className="hw-wide">
										{t("created")}
									</th>
									<th scope="col" className="hw-last">
										<span className="hw-unseen">{c("actions")}</span>
									</th>
								</tr>
							</thead>
							<tbody>
								{users.data.items.map((user) => {
									const isSelf = user.name === session.account;
									return (
										<tr key={user.name}>
											<th scope="row" className="hw-who">
												<span className="hw-avatar" aria-hidden="true">
													{user.name.slice(0, 1).toUpperCase()}
												</span>
												{user.name}
												{isSelf && <Tag tone="brand">{t("you")}</Tag>}
											</th>
											<td>
												<span title={t(`role_${user.role}_may`)}>{c(`role_${user.role}`)}</span>
											</td>
											<td>
												{user.must_change ? (
													<Tag tone="warn">{t("mustChange")}</Tag>
												) : (
													<Tag tone="good">{t("active")}</Tag>
												)}
											</td>
											<td className="hw-wide">{moment(user.created_ms)}</td>
											<td className="hw-last">
												<Menu
													label={t("userActions", { name: user.name })}
													head={isSelf && <span className="hw-menu-why">{t("notYourself")}</span>}
													items={[
														{
															key: "role",
															label: t("changeRole"),
															disabled: isSelf,
															title: isSelf ? t("notYourself") : undefined,
															onSelect: () => setOpen({ what: "role", user }),
														},
														{
															key: "password",
															label: t("resetPassword"),
															disabled: isSelf,
															title: isSelf ? t("ownPassword") : undefined,
															onSelect: () => setOpen({ what: "password", user }),
														},
														{
															key: "delete",
															label: t("deleteUser"),
															isDangerous: true,
															disabled: isSelf,
															title: isSelf ? t("notYourself") : undefined,
															onSelect: () => setOpen({ what: "delete", user }),
														},
													]}
												>
													<EllipsisIcon />
												</Menu>
											</td>
										</tr>
									);
								})}
							</tbody>
						</table>
					</div>
				)}
			</Card>
			{open?.what === "add" && <AddUser taken={users.data?.items.map((one) => one.name) ?? []} onClose={close} />}
			{open?.what === "role" && <ChangeRole user={open.user} onClose={close} />}
			{open?.what === "password" && <ResetPassword user={open.user} onClose={close} />}
			{open?.what === "delete" && <DeleteUser user={open.user} onClose={close} />}
		</>
	);
}
