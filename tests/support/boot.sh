#!/bin/sh
# Starts systemd as a machine of its own: in new namespaces of everything, on a layer above this machine's files.
#   boot.sh FOLDER NAME HOSTS PYTHON SOURCE PACKAGES
# What it writes stays in memory and goes with it. The programs of the machine are this one's, but nothing is started
# that is not asked for.
set -e
folder=$1 name=$2 hosts=$3 python=$4 source=$5 packages=$6
mount --make-rprivate /
mount -t tmpfs layer "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay machine -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
cd "$folder/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs run run
mount -t tmpfs tmp tmp
rm -rf etc/systemd/system/*.wants lib/systemd/system/*.wants etc/difpeer var/lib/difpeer opt/difpeer etc/rc?.d
head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' > etc/machine-id
echo "$name" > etc/hostname
cp "$hosts" etc/hosts
mkdir -p opt/python opt/source opt/packages opt/difpeer/bin
mount --bind "$python" opt/python
mount --bind "$source" opt/source
mount --bind "$packages" opt/packages
cat > opt/difpeer/bin/difpeer <<'PROGRAM'
#!/bin/sh
export PYTHONPATH=/opt/source:/opt/packages LD_LIBRARY_PATH=/opt/python/lib PYTHONDONTWRITEBYTECODE=1
exec /opt/python/bin/python3 -P -c 'from peer.cli.main import main; main()' "$@"
PROGRAM
sed 's/ -c .*/ "$@"/' opt/difpeer/bin/difpeer > opt/difpeer/bin/python
chmod 755 opt/difpeer/bin/python
chmod 755 opt opt/python opt/difpeer opt/difpeer/bin opt/difpeer/bin/difpeer
ip link set lo up
mkdir run/old
pivot_root . run/old
umount -l /run/old
# systemd hands credentials over by mounts that reach the service's namespace from its own.
mount --make-rshared /
export container=test PATH=/opt/difpeer/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec /lib/systemd/systemd --system --unit=multi-user.target --log-target=null --show-status=0
