#!/usr/bin/env bash
# Prints the Job that deals the state of FROM stopped slices out to TO:
#
#   deploy/jobs/reslice/job.sh 4 6 > deploy/jobs/reslice/job.yaml
#
# It mounts every slice's volume, the new ones' too, which it makes. STORAGE is their size (10Gi), as in the StatefulSet's
# volumeClaimTemplates. deploy/README.md has the whole procedure.
set -euo pipefail
number='^[1-9][0-9]{0,3}$'
if [ $# -ne 2 ] || ! [[ $1 =~ $number && $2 =~ $number ]] || [ "$1" = "$2" ]; then
    echo "job.sh FROM TO: two different numbers of slices" >&2
    exit 2
fi
from=$1 to=$2 most=$(($1 > $2 ? $1 : $2))

each() { for ((slice = 0; slice < most; slice++)); do printf '%s\n' "${1//SLICE/$slice}"; done; }

echo "# Written by job.sh $from $to."
for ((slice = from; slice < to; slice++)); do
    cat <<YAML
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: state-stream-$slice
  labels:
    app.kubernetes.io/name: stream
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: ${STORAGE:-10Gi}
---
YAML
done
cat <<YAML
apiVersion: batch/v1
kind: Job
metadata:
  name: reslice
  labels:
    app.kubernetes.io/name: stream-job
    app.kubernetes.io/part-of: amplitude-appsflyer-stream
  annotations:
    # container-image-pull-policy: the tag is a version and never moves
    # pod-networkpolicy: the policy \`stream\` covers it
    kube-score/ignore: container-image-pull-policy,pod-networkpolicy
spec:
  # One that was broken off goes on. What it refuses (exit code 2), it refuses the next time too.
  backoffLimit: 3
  podFailurePolicy:
    rules:
      - action: FailJob
        onExitCodes:
          containerName: reslice
          operator: In
          values: [2]
  template:
    metadata:
      labels:
        app.kubernetes.io/name: stream-job
        app.kubernetes.io/part-of: amplitude-appsflyer-stream
    spec:
      restartPolicy: Never
      serviceAccountName: stream
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        fsGroup: 10001
        fsGroupChangePolicy: OnRootMismatch
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: reslice
          image: amplitude-appsflyer-stream
          imagePullPolicy: IfNotPresent
          args:
            - reslice
            - --from=$from
            - --to=$to
$(each '            - --state=/slices/SLICE')
          terminationMessagePolicy: FallbackToLogsOnError
          env:
            - name: STREAM_LOG
              value: json
          resources:
            requests:
              cpu: "1"
              memory: 512Mi
              ephemeral-storage: 64Mi
            limits:
              memory: 2Gi
              ephemeral-storage: 256Mi
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          volumeMounts:
$(each '            - {name: slice-SLICE, mountPath: /slices/SLICE}')
            - name: tmp
              mountPath: /tmp
            - name: settings
              mountPath: /etc/stream
              readOnly: true
      volumes:
$(each '        - {name: slice-SLICE, persistentVolumeClaim: {claimName: state-stream-SLICE}}')
        - name: tmp
          emptyDir:
            sizeLimit: 64Mi
        - name: settings
          configMap:
            name: stream-settings
YAML
